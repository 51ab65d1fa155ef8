"""`manage.py import_books FILE`: books from a CSV file."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from library.catalog.importing import import_csv
from library.refusals import Refusal


class Command(BaseCommand):
    """Import a file of books."""

    help = "Import books from a CSV file with the columns title and authors."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--source", help="the file's name in the rows' keys")

    def handle(
        self, *args: Any, file: Path, source: str | None, **options: Any
    ) -> None:
        """Import, and say what became of the rows."""
        try:
            report = import_csv(file, now=timezone.now(), source=source)
        except (Refusal, OSError) as error:
            raise CommandError(str(error)) from None
        for line in (*report.warnings, *report.rejected):
            self.stderr.write(line)
        self.stdout.write(
            f"{len(report.added)} added, {report.known} known, "
            f"{len(report.warnings)} warnings, {len(report.rejected)} rejected"
        )
