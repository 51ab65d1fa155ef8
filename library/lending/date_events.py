"""The facts about dates that come near, or change. Plain Python; never edited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar
from uuid import UUID

EXAMPLES = {
    "due_before": datetime(2026, 3, 30, 18, 59, 59, tzinfo=UTC),
    "due_at": datetime(2026, 3, 31, 18, 59, 59, tzinfo=UTC),
    "remind_at": datetime(2026, 3, 25, 19, tzinfo=UTC),
    "why": "closed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyDueSoon:
    """A copy should come back in some days; said once for each due date at most."""

    type: ClassVar[str] = "book.due_soon"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "copy:{copy_id}"
    about: ClassVar[tuple[str, ...]] = ("loan_id", "copy_id", "book_id", "member_id")
    occurred: ClassVar[str] = "noticed_at"

    loan_id: UUID
    copy_id: UUID
    book_id: UUID
    member_id: UUID
    branch_id: UUID | None
    due_at: datetime
    noticed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyOverdue:
    """A copy should have come back; said once for each due date."""

    type: ClassVar[str] = "book.overdue"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "copy:{copy_id}"
    about: ClassVar[tuple[str, ...]] = ("loan_id", "copy_id", "book_id", "member_id")
    occurred: ClassVar[str] = "overdue_at"

    loan_id: UUID
    copy_id: UUID
    book_id: UUID
    member_id: UUID
    branch_id: UUID | None
    due_at: datetime
    overdue_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyDueChanged:
    """
    A loan is due on another day: `why` is desk, or closed: the branch, on the old one.

    What one member was told together shares a `notice_id`.
    """

    type: ClassVar[str] = "book.due_changed"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "copy:{copy_id}"
    about: ClassVar[tuple[str, ...]] = (
        "loan_id",
        "copy_id",
        "book_id",
        "member_id",
        "notice_id",
    )
    occurred: ClassVar[str] = "changed_at"

    loan_id: UUID
    copy_id: UUID
    book_id: UUID
    member_id: UUID
    branch_id: UUID | None
    changed_at: datetime
    due_before: datetime
    due_at: datetime
    why: str
    shortened: bool
    notice_id: UUID
    remind_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldExtended:
    """
    A copy is set aside for longer, since the branch is closed on the last day.

    What one member was told together shares a `notice_id`.
    """

    type: ClassVar[str] = "hold.extended"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "hold:{hold_id}"
    about: ClassVar[tuple[str, ...]] = (
        "hold_id",
        "book_id",
        "copy_id",
        "member_id",
        "notice_id",
    )
    occurred: ClassVar[str] = "extended_at"

    hold_id: UUID
    book_id: UUID
    member_id: UUID
    copy_id: UUID
    branch_id: UUID
    extended_at: datetime
    pickup_before: datetime
    pickup_until: datetime
    notice_id: UUID
