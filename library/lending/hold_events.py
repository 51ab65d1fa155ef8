"""The facts of holds. Plain Python; never edited once released."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

EXAMPLES = {"policy": "students"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldPlaced:
    """
    A member waits for a book; numbers of a book's holds count 1, 2, 3 …

    Without a `pickup_branch_id` it is picked up wherever the copy is. With a `copy_id`
    it is for this very copy. `ends_at` is None where it waits for ever, `holds_left`
    where the member may place any number of others.
    """

    type: ClassVar[str] = "hold.placed"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "hold:{hold_id}"
    about: ClassVar[tuple[str, ...]] = ("hold_id", "book_id", "copy_id", "member_id")
    occurred: ClassVar[str] = "placed_at"

    hold_id: UUID
    book_id: UUID
    member_id: UUID
    placed_at: datetime
    number: int
    hold_limit: int | None
    policy: str
    policy_version: int
    pickup_branch_id: UUID | None = None
    copy_id: UUID | None = None
    ends_at: datetime | None = None
    holds_left: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldReady:
    """A copy was set aside for whose turn it is."""

    type: ClassVar[str] = "hold.ready"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "hold:{hold_id}"
    about: ClassVar[tuple[str, ...]] = ("hold_id", "book_id", "copy_id", "member_id")
    occurred: ClassVar[str] = "ready_at"

    hold_id: UUID
    book_id: UUID
    member_id: UUID
    copy_id: UUID
    branch_id: UUID | None
    ready_at: datetime
    pickup_until: datetime
    pickup_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRequeued:
    """
    The copy is not to be had after all: the member waits again, in the old place.

    `copy_id` was set aside, if it was ready.
    """

    type: ClassVar[str] = "hold.requeued"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "hold:{hold_id}"
    about: ClassVar[tuple[str, ...]] = ("hold_id", "book_id", "copy_id", "member_id")
    occurred: ClassVar[str] = "requeued_at"

    hold_id: UUID
    book_id: UUID
    member_id: UUID
    copy_id: UUID | None
    requeued_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldCancelled:
    """A member waits no longer; `copy_id` was set aside, if it was ready."""

    type: ClassVar[str] = "hold.cancelled"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "hold:{hold_id}"
    about: ClassVar[tuple[str, ...]] = ("hold_id", "book_id", "copy_id", "member_id")
    occurred: ClassVar[str] = "cancelled_at"

    hold_id: UUID
    book_id: UUID
    member_id: UUID
    copy_id: UUID | None
    cancelled_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldExpired:
    """Nobody came for the copy that was set aside, or no copy came in time."""

    type: ClassVar[str] = "hold.expired"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "hold:{hold_id}"
    about: ClassVar[tuple[str, ...]] = ("hold_id", "book_id", "copy_id", "member_id")
    occurred: ClassVar[str] = "expired_at"

    hold_id: UUID
    book_id: UUID
    member_id: UUID
    copy_id: UUID | None
    expired_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldSuspended:
    """A member keeps the place and does not want the book now; maybe from when on."""

    type: ClassVar[str] = "hold.suspended"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "hold:{hold_id}"
    about: ClassVar[tuple[str, ...]] = ("hold_id", "book_id", "member_id")
    occurred: ClassVar[str] = "suspended_at"

    hold_id: UUID
    book_id: UUID
    member_id: UUID
    suspended_at: datetime
    resumes_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldResumed:
    """A member wants the book again, in the place that was kept."""

    type: ClassVar[str] = "hold.resumed"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "hold:{hold_id}"
    about: ClassVar[tuple[str, ...]] = ("hold_id", "book_id", "member_id")
    occurred: ClassVar[str] = "resumed_at"

    hold_id: UUID
    book_id: UUID
    member_id: UUID
    resumed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldMoved:
    """
    A hold has another place in its queue: places are in the order of the numbers.

    The desk moved it, or one that comes before it now.
    """

    type: ClassVar[str] = "hold.moved"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "hold:{hold_id}"
    about: ClassVar[tuple[str, ...]] = ("hold_id", "book_id", "member_id")
    occurred: ClassVar[str] = "moved_at"

    hold_id: UUID
    book_id: UUID
    member_id: UUID
    number: int
    moved_at: datetime
