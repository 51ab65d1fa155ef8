"""The facts of the catalogue. Plain Python; never edited once released."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

EXAMPLES = {
    "title": "Oʻtkan kunlar",
    "authors": ("Abdulla Qodiriy",),
    "isbn13": "9780306406157",
    "isbn_given": "0-306-40615-2",
    "language": "uz",
    "year": 1926,
    "subjects": ("Uzbek fiction",),
    "source_key": "books.csv:17",
    "barcode": "KT-000123",
    "kind": "book",
    "kind_before": "book",
    "price": 45_000,
    "before": "",
    "condition": "missing",
    "name": "Chorsu",
    "time_zone": "Asia/Tashkent",
    "closed_weekdays": (6,),  # Sundays
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BookCreated:
    """A book is in the catalogue. `isbn_given` is what was written, as written."""

    type: ClassVar[str] = "book.created"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "book:{book_id}"
    about: ClassVar[tuple[str, ...]] = ("book_id",)
    occurred: ClassVar[str] = "created_at"

    book_id: UUID
    title: str
    authors: tuple[str, ...]
    created_at: datetime
    isbn13: str | None = None
    isbn_given: str = ""
    language: str = ""
    year: int | None = None
    source_key: str | None = None
    subjects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BookUpdated:
    """A book's description was corrected; all of it is said again."""

    type: ClassVar[str] = "book.updated"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "book:{book_id}"
    about: ClassVar[tuple[str, ...]] = ("book_id",)
    occurred: ClassVar[str] = "updated_at"

    book_id: UUID
    title: str
    authors: tuple[str, ...]
    updated_at: datetime
    isbn13: str | None = None
    isbn_given: str = ""
    language: str = ""
    year: int | None = None
    subjects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BookDeleted:
    """A book was withdrawn: it is lent no more, and its history stays."""

    type: ClassVar[str] = "book.deleted"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "book:{book_id}"
    about: ClassVar[tuple[str, ...]] = ("book_id",)
    occurred: ClassVar[str] = "withdrawn_at"

    book_id: UUID
    withdrawn_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyAdded:
    """A copy of a book stands on the shelf; `restricted`: not lent to everybody."""

    type: ClassVar[str] = "copy.added"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "copy:{copy_id}"
    about: ClassVar[tuple[str, ...]] = ("copy_id", "book_id")
    occurred: ClassVar[str] = "added_at"

    copy_id: UUID
    book_id: UUID
    barcode: str
    added_at: datetime
    branch_id: UUID | None = None
    kind: str = "book"
    price: int | None = None  # in the smallest unit of money there is
    restricted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyMoved:
    """A copy is at home elsewhere, or of another kind; both are said each time."""

    type: ClassVar[str] = "copy.moved"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "copy:{copy_id}"
    about: ClassVar[tuple[str, ...]] = ("copy_id", "book_id")
    occurred: ClassVar[str] = "moved_at"

    copy_id: UUID
    book_id: UUID
    branch_before: UUID | None
    branch_id: UUID | None
    kind_before: str
    kind: str
    moved_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyMarked:
    """
    A copy is `missing`, `damaged` or `lost` from now on, or (empty) found or whole.

    `transit_id` is the way between branches that it was on, which ends here.
    """

    type: ClassVar[str] = "copy.marked"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "copy:{copy_id}"
    about: ClassVar[tuple[str, ...]] = ("copy_id", "book_id", "transit_id")
    occurred: ClassVar[str] = "marked_at"

    copy_id: UUID
    book_id: UUID
    before: str
    condition: str
    marked_at: datetime
    transit_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyRemoved:
    """A copy left the library's stock for good."""

    type: ClassVar[str] = "copy.removed"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "copy:{copy_id}"
    about: ClassVar[tuple[str, ...]] = ("copy_id", "book_id")
    occurred: ClassVar[str] = "removed_at"

    copy_id: UUID
    book_id: UUID
    removed_at: datetime
    condition: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchDescribed:
    """A branch is there, or was described anew; all of it is said each time."""

    type: ClassVar[str] = "branch.described"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "branch:{branch_id}"
    about: ClassVar[tuple[str, ...]] = ("branch_id",)
    occurred: ClassVar[str] = "described_at"

    branch_id: UUID
    name: str
    time_zone: str
    closed_weekdays: tuple[int, ...]
    closed_on: tuple[date, ...]
    described_at: datetime
