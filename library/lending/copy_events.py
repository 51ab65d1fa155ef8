"""The facts about where copies are. Plain Python; never edited once released."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class CopySent:
    """A copy is under way: home, or to where `member_id` wants to pick it up."""

    type: ClassVar[str] = "copy.sent"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "copy:{copy_id}"
    about: ClassVar[tuple[str, ...]] = (
        "transit_id",
        "copy_id",
        "book_id",
        "hold_id",
        "member_id",
    )
    occurred: ClassVar[str] = "sent_at"

    transit_id: UUID
    copy_id: UUID
    book_id: UUID
    from_branch_id: UUID | None
    to_branch_id: UUID
    hold_id: UUID | None
    member_id: UUID | None
    sent_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyArrived:
    """
    A copy is where it was sent, or at home if nobody is to have it any more.

    `hold_id` is the hold it was under way for.
    """

    type: ClassVar[str] = "copy.arrived"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "copy:{copy_id}"
    about: ClassVar[tuple[str, ...]] = ("transit_id", "copy_id", "book_id", "hold_id")
    occurred: ClassVar[str] = "arrived_at"

    transit_id: UUID
    copy_id: UUID
    book_id: UUID
    branch_id: UUID
    hold_id: UUID | None
    arrived_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyLost:
    """A copy that a member had is not coming back: the loan is over."""

    type: ClassVar[str] = "book.lost"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "copy:{copy_id}"
    about: ClassVar[tuple[str, ...]] = ("loan_id", "copy_id", "book_id", "member_id")
    occurred: ClassVar[str] = "lost_at"

    loan_id: UUID
    copy_id: UUID
    book_id: UUID
    member_id: UUID
    branch_id: UUID | None
    lost_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnClaimed:
    """A member says that a copy came back: it is looked for, and no reminder sent."""

    type: ClassVar[str] = "return.claimed"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "copy:{copy_id}"
    about: ClassVar[tuple[str, ...]] = ("loan_id", "copy_id", "book_id", "member_id")
    occurred: ClassVar[str] = "claimed_at"

    loan_id: UUID
    copy_id: UUID
    book_id: UUID
    member_id: UUID
    claimed_at: datetime
