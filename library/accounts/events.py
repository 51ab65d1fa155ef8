"""The facts about what members owe. Plain Python; never edited once released."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar
from uuid import UUID

EXAMPLES = {
    "due_at": datetime(2026, 3, 30, 18, 59, 59, tzinfo=UTC),
    "policy": "students",
    "kind": "overdue",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeCharged:
    """
    A loan was late or is lost, and costs so much, in the smallest unit of money.

    `days_late` are the open days; the numbers of the policy are those applied. For a
    lost copy the amount is `item_price` and `processing`.
    """

    type: ClassVar[str] = "fee.charged"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "fee:{fee_id}"
    about: ClassVar[tuple[str, ...]] = ("fee_id", "loan_id", "member_id")
    occurred: ClassVar[str] = "charged_at"

    fee_id: UUID
    member_id: UUID
    loan_id: UUID
    due_at: datetime
    charged_at: datetime
    amount: int
    days_late: int
    fee_per_day: int
    fee_grace_days: int
    fee_maximum: int
    policy: str
    policy_version: int
    kind: str = "overdue"
    item_price: int = 0
    processing: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeSettled:
    """
    A fee is no longer owed: it was `paid`, or `waived`.

    Or what was paid of one that was reversed is `refunded`: the amount is negative.
    """

    type: ClassVar[str] = "fee.settled"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "fee:{fee_id}"
    about: ClassVar[tuple[str, ...]] = ("fee_id", "loan_id", "member_id")
    occurred: ClassVar[str] = "settled_at"

    fee_id: UUID
    member_id: UUID
    loan_id: UUID
    amount: int
    how: str
    settled_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeReversed:
    """A fee was charged for what has turned out otherwise; if paid, it is a credit."""

    type: ClassVar[str] = "fee.reversed"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "fee:{fee_id}"
    about: ClassVar[tuple[str, ...]] = ("fee_id", "loan_id", "member_id")
    occurred: ClassVar[str] = "reversed_at"

    fee_id: UUID
    member_id: UUID
    loan_id: UUID
    amount: int
    reversed_at: datetime
