"""
`manage.py import_books FILE`: books from a CSV file, or from MARC records.

A file may be imported again, corrected or after an interruption: what came in is known.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from library.catalog import csv_records, marc
from library.catalog import rejects as rejecting
from library.catalog.importing import Report, batches
from library.catalog.records import BookFile, FileUnreadable
from outbox import console
from outbox.progress import shown

CSV, MARC = "csv", "marc"
OF_MARC = {".mrc", ".marc", ".xml", ".marcxml"}


class Command(BaseCommand):
    """Import a file of books."""

    help = "Import books from a CSV file (columns title and authors) or MARC records."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--format",
            dest="form",
            choices=[CSV, MARC],
            help="default: what the file's name says",
        )
        parser.add_argument("--source", help="the file's name in the records' keys")
        parser.add_argument(
            "--encoding",
            default=csv_records.UTF8,
            help="of a CSV file that is not UTF-8, such as windows-1251",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="write nothing, and say the same"
        )
        parser.add_argument(
            "--rejects",
            type=Path,
            metavar="FILE",
            help="where to write what was not taken, to be corrected and imported",
        )

    def handle(
        self, *args: Any, file: Path, rejects: Path | None, **options: Any
    ) -> None:
        """Import, and say what became of the records."""
        if rejects and rejects.exists() and rejects.samefile(file):
            raise CommandError("The file of rejects would overwrite the file of books.")
        try:
            whole = self._import(file, rejects, **options)
        except (FileUnreadable, OSError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(
            f"{whole['added']} added, {whole['known']} known, "
            f"{whole['warnings']} warnings, {whole['rejected']} rejected"
            + (" (a dry run: nothing was written)" if options["dry_run"] else "")
        )

    def _import(
        self, path: Path, rejects: Path | None, *, dry_run: bool, **options: Any
    ) -> Counter[str]:
        whole: Counter[str] = Counter()
        with (
            _opened(path, **options) as file,
            rejecting.opened(rejects, place=file.place, headings=file.headings) as kept,
            shown(path.name, sys.stderr, unit="kB") as progress,
        ):
            size = path.stat().st_size // 1000
            for batch in batches(file, now=timezone.now(), dry_run=dry_run):
                kept.write(batch.rejected)
                self._tell(batch)
                whole.update(_counted(batch))
                progress(file.read // 1000, size)
        return whole

    def _tell(self, batch: Report) -> None:
        for note in (*batch.warnings, *(each.note for each in batch.rejected)):
            self.stderr.write(console.cell(note))


def _counted(batch: Report) -> dict[str, int]:
    return {
        "added": len(batch.added),
        "known": batch.known,
        "warnings": len(batch.warnings),
        "rejected": len(batch.rejected),
    }


@contextmanager
def _opened(
    path: Path, *, form: str | None, source: str | None, encoding: str, **_: Any
) -> Iterator[BookFile]:
    source = source or path.stem
    if form == MARC or (form is None and path.suffix.lower() in OF_MARC):
        with marc.opened(path, source=source) as records:
            yield records
        return
    with csv_records.opened(path, source=source, encoding=encoding) as rows:
        yield rows
