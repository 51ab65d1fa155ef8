"""The facts of lending. Plain Python; never edited once released."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar
from uuid import UUID

EXAMPLES = {
    "due_before": datetime(2026, 3, 2, 18, 59, 59, tzinfo=UTC),
    "due_at": datetime(2026, 3, 30, 18, 59, 59, tzinfo=UTC),
    "remind_at": datetime(2026, 3, 24, 19, tzinfo=UTC),
    "loan_days": 28,
    "loan_limit": 5,
    "renewal_limit": 3,
    "policy": "students",
    "category": "student",
    "kind": "book",
    "month": "2026-03",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyBorrowed:
    """
    A copy left with a member.

    `due_at` and the numbers of the policy are said here and never worked out
    again: a later change of policy must not rewrite history. `hold_id` is the hold
    that ends with it, `hold_copy_id` the copy that was set aside for that hold,
    `transit_id` the way the copy was on, which ends here.
    `category` is the member's at that time, `kind` the copy's: what is counted.
    `shortened`: it is due before its time, since the membership ends.
    Those lent in one basket share a `basket_id`. At `remind_at` the member is told
    that it is due soon.
    """

    type: ClassVar[str] = "book.borrowed"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "copy:{copy_id}"
    about: ClassVar[tuple[str, ...]] = (
        "loan_id",
        "copy_id",
        "book_id",
        "member_id",
        "basket_id",
        "hold_id",
        "hold_copy_id",
        "transit_id",
    )
    occurred: ClassVar[str] = "borrowed_at"

    loan_id: UUID
    copy_id: UUID
    book_id: UUID
    member_id: UUID
    borrowed_at: datetime
    due_at: datetime
    loan_days: int
    loan_limit: int
    branch_id: UUID | None = None
    policy: str = "default"
    policy_version: int = 0
    hold_id: UUID | None = None
    hold_copy_id: UUID | None = None
    transit_id: UUID | None = None
    category: str = ""
    kind: str = ""
    shortened: bool = False
    basket_id: UUID | None = None
    remind_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyRenewed:
    """
    A loan goes on; `renewals` says how often it did, this time included.

    `shortened`: it is due before its time, since the membership ends.
    """

    type: ClassVar[str] = "book.renewed"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "copy:{copy_id}"
    about: ClassVar[tuple[str, ...]] = ("loan_id", "copy_id", "book_id", "member_id")
    occurred: ClassVar[str] = "renewed_at"

    loan_id: UUID
    copy_id: UUID
    book_id: UUID
    member_id: UUID
    renewed_at: datetime
    due_before: datetime
    due_at: datetime
    renewals: int
    renewal_limit: int
    branch_id: UUID | None
    policy: str
    policy_version: int
    shortened: bool = False
    remind_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyReturned:
    """A copy came back, whoever brought it, and to whichever branch."""

    type: ClassVar[str] = "book.returned"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "copy:{copy_id}"
    about: ClassVar[tuple[str, ...]] = ("loan_id", "copy_id", "book_id", "member_id")
    occurred: ClassVar[str] = "returned_at"

    loan_id: UUID
    copy_id: UUID
    book_id: UUID
    member_id: UUID
    returned_at: datetime
    branch_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanForgotten:
    """
    It is forgotten whose a loan was that is over; what is counted stays.

    `month` is the one in which it was borrowed, by the branch's clocks.
    """

    type: ClassVar[str] = "loan.forgotten"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "copy:{copy_id}"
    about: ClassVar[tuple[str, ...]] = ("loan_id", "copy_id", "book_id")
    occurred: ClassVar[str] = "forgotten_at"

    loan_id: UUID
    copy_id: UUID
    book_id: UUID
    branch_id: UUID | None
    category: str
    kind: str
    month: str
    forgotten_at: datetime
