"""
The file of rejects: what was not taken and why, to be corrected and imported again.

It is CSV, whatever the records came in: a row's own cells behind where it stood, the
code, the reason and its source key. By that key it stays the same record.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from library.catalog.csv_records import KEY
from library.catalog.records import Rejected

CODE, REASON = "rejected_code", "rejected_reason"
PLACES = {"line": "rejected_line", "record": "rejected_record"}
OURS = {*PLACES.values(), CODE, REASON, KEY}


@contextmanager
def opened(
    path: Path | None, *, place: str, headings: Sequence[str]
) -> Iterator[RejectsFile]:
    """Begin a file of rejects anew; without a path none is kept. Raises OSError."""
    if path is None:
        yield RejectsFile(None, place, headings)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        yield RejectsFile(file, place, headings)


class RejectsFile:
    """A file of rejects while it is written."""

    def __init__(
        self, file: TextIO | None, place: str, headings: Sequence[str]
    ) -> None:
        self._file = file
        self._writer = csv.writer(file) if file else None
        # The rejects of rejects have what is ours once.
        self._ours = {i for i, name in enumerate(headings) if name in OURS}
        self._write([PLACES[place], CODE, REASON, KEY, *self._own(headings)])

    def write(self, rejected: Iterable[Rejected]) -> None:
        """Write records down, and have them on the disk of whoever looks."""
        for each in rejected:
            note = each.note
            about = [str(note.number), note.code, note.reason, each.source_key]
            self._write([*about, *self._own(each.cells)])
        if self._file:
            self._file.flush()

    def _own(self, cells: Sequence[str]) -> list[str]:
        return [cell for i, cell in enumerate(cells) if i not in self._ours]

    def _write(self, cells: Sequence[str]) -> None:
        if self._writer:
            self._writer.writerow(cells)
