"""
Books from a CSV file with the columns title and authors.

Also read where there are such: isbn, language (or language_code), year (or
original_publication_year), subjects, and book_id (or id), the row's key within the
file's `source`. Authors are separated by ", " or ";", and subjects by ";".

A file of rejects is such a file too: its `source_key` is the whole key of a row.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from library.catalog.records import (
    LONGEST_KEY,
    FileUnreadable,
    Note,
    Record,
    Rejected,
    names,
    subjects,
    year,
)

UTF8 = "utf-8-sig"
KEY = "source_key"
NEEDED = ("title", "authors")


@contextmanager
def opened(path: Path, *, source: str, encoding: str = UTF8) -> Iterator[CsvFile]:
    """
    Open a file for reading.

    Raises OSError, and FileUnreadable where it lacks a column it needs.
    """
    try:
        # What does not decode is told of its row alone.
        file = path.open(encoding=encoding, errors="surrogateescape", newline="")
    except LookupError:
        raise FileUnreadable(
            f"There is no encoding {encoding!r}. Name one such as windows-1251."
        ) from None
    with file:
        yield CsvFile(file, source, encoding)


class CsvFile:
    """A CSV file while it is read."""

    place = "line"

    def __init__(self, file: TextIO, source: str, encoding: str) -> None:
        self._file, self._source, self._encoding = file, source, encoding
        self._rows = csv.reader(file)
        self.headings = self._heading()
        missing = [name for name in NEEDED if name not in self.headings]
        if missing:
            raise FileUnreadable(
                f"The file has no column {', '.join(missing)}. Name the columns in its "
                "first line, separated by commas, and save it as UTF-8."
            )
        self._title, self._authors = (self.headings.index(name) for name in NEEDED)
        self._isbn = self._columns("isbn")
        self._language = self._columns("language", "language_code")
        self._year = self._columns("year", "original_publication_year")
        self._subjects = self._columns("subjects")
        self._whole_key = self._columns(KEY)
        self._key = self._columns("book_id", "id")

    @property
    def read(self) -> int:
        """How many bytes have been read."""
        return self._file.buffer.tell() if self._file.seekable() else 0

    def __iter__(self) -> Iterator[Record | Rejected]:
        """Yield what each line says."""
        while True:
            number = self._rows.line_num + 1
            try:
                cells = next(self._rows)
            except StopIteration:
                return
            except csv.Error as error:
                # The reader goes on with the next line.
                yield self._rejected(number, "unreadable_row", _why(error), [])
                continue
            except UnicodeError as error:  # of an encoding that knows no way on
                yield self._rejected(number, "wrong_encoding", f"{error}.", [])
                return
            if cells:
                yield self._record(number, cells)

    def _heading(self) -> list[str]:
        try:
            cells = next(self._rows, [])
        except (csv.Error, UnicodeError) as error:
            raise FileUnreadable(f"The file cannot be read: {error}.") from None
        return [_readable(cell, self._encoding).strip() for cell in cells]

    def _columns(self, *wanted: str) -> list[int]:
        return [self.headings.index(name) for name in wanted if name in self.headings]

    def _record(self, number: int, cells: list[str]) -> Record | Rejected:
        if len(cells) != len(self.headings):
            reason = (
                f"The row has {len(cells)} cells where the heading has "
                f"{len(self.headings)}. Put cells with commas into quotes."
            )
            return self._rejected(number, "ragged_row", reason, cells)
        text = "".join(cells)
        if "\0" in text:
            reason = "The row contains a NUL character. Type it in again."
            return self._rejected(number, "control_character", reason, cells)
        if not text.isascii() and not _is_sound(text):
            return self._undecodable(number, cells)
        return Record(
            place=self.place,
            number=number,
            source_key=self._source_key(cells, number),
            said={
                "title": cells[self._title],
                "authors": names(cells[self._authors]),
                "isbn": _first(cells, self._isbn),
                "language": _first(cells, self._language),
                "year": year(_first(cells, self._year)),
                "subjects": subjects(_first(cells, self._subjects)),
            },
            cells=cells,
        )

    def _source_key(self, cells: Sequence[str], number: int) -> str:
        key = _first(cells, self._whole_key) or (
            f"{self._source}:{_first(cells, self._key) or number}"
        )
        return key[:LONGEST_KEY]

    def _undecodable(self, number: int, cells: list[str]) -> Rejected:
        reason = (
            f"The row is not {self._encoding.removesuffix('-sig').upper()}. It is "
            "shown as Windows-1252; correct it, or name the file's encoding with "
            "--encoding."
        )
        guessed = [_readable(cell, self._encoding) for cell in cells]
        return self._rejected(number, "wrong_encoding", reason, guessed)

    def _rejected(
        self, number: int, code: str, reason: str, cells: list[str]
    ) -> Rejected:
        # A row that is too short or too long has its key where nobody knows.
        whole = len(cells) == len(self.headings)
        key = self._source_key(cells if whole else [""] * len(self.headings), number)
        return Rejected(Note(self.place, number, code, reason), cells, key)


def _first(cells: Sequence[str], columns: Sequence[int]) -> str:
    for column in columns:
        if cells[column]:
            return cells[column]
    return ""


def _is_sound(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _readable(text: str, encoding: str) -> str:
    """Return a text; one that did not decode as if it were Windows-1252."""
    if _is_sound(text):
        return text
    bare = encoding.removesuffix("-sig")
    return text.encode(bare, "surrogateescape").decode("cp1252", "replace")


def _why(error: csv.Error) -> str:
    return (
        f"The row cannot be read: {error}. A quote may be open that nothing closes; "
        "what follows up to the next row is left out with it."
    )
