"""What a file of books says, whatever its form: records, and what cannot be read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from library.refusals import Refusal

LONGEST_KEY = 200


class FileUnreadable(Refusal):
    """A file that is no list of books at all, or lacks what every one needs."""

    code = "file_unreadable"


@dataclass(frozen=True, slots=True)
class Note:
    """Something said of a record: where it stands in its file, a code and a reason."""

    place: str
    number: int
    code: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place} {self.number}: {self.code}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Record:
    """
    A book as its file says it.

    `said` has the names of `rules.describe`; `cells` are what a corrected copy of the
    record begins with, under the file's own headings.
    """

    place: str
    number: int
    source_key: str
    said: dict[str, Any]
    cells: Sequence[str]
    notes: Sequence[Note] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that is not taken, and why."""

    note: Note
    cells: Sequence[str]
    source_key: str = ""


class BookFile(Protocol):
    """A file of books while it is read, from its first record to its last."""

    @property
    def place(self) -> str:
        """What a record's number counts: "line" or "record"."""

    @property
    def headings(self) -> Sequence[str]:
        """What the cells of its records are."""

    @property
    def read(self) -> int:
        """How many of its bytes have been read."""

    def __iter__(self) -> Iterator[Record | Rejected]:
        """Yield what it says."""


def names(text: str) -> list[str]:
    """Return the authors of a cell: separated by ";", or, where none is, by ", "."""
    return parts(text.split(";") if ";" in text else text.split(", "))


def subjects(text: str) -> list[str]:
    """Return the subjects of a cell; they may have commas of their own."""
    return parts(text.split(";"))


def parts(given: Iterable[str]) -> list[str]:
    """Return the texts that say something."""
    return [part.strip() for part in given if part.strip()]


def joined(given: Sequence[str]) -> str:
    """Return texts as one cell, which `names` and `subjects` take apart again."""
    text = "; ".join(given)
    # A single one with a comma is not to be taken for two.
    return f"{text};" if len(given) == 1 and ", " in text else text


def year(text: str) -> int | None:
    """Return a year as spreadsheets write it, too ("1926.0"), or None."""
    if re.fullmatch(r"-?\d{1,9}(\.0*)?", text.strip()):
        return int(float(text))
    return None
