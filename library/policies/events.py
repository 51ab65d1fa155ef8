"""The facts about policies. Plain Python; never edited once released."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

EXAMPLES = {
    "loan_days": 28,
    "loan_limit": 5,
    "renewal_limit": 3,
    "name": "students",
    "category": "student",
    "kind": "book",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySet:
    """
    What applies to loans of a branch, a category of members and a kind of copies.

    Without a branch, or with an empty category or kind, it applies to any. Money
    is in the smallest unit there is. Without a `hold_limit` there is none.
    """

    type: ClassVar[str] = "policy.set"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "policy:{policy_id}"
    about: ClassVar[tuple[str, ...]] = ("policy_id", "branch_id")
    occurred: ClassVar[str] = "set_at"

    policy_id: UUID
    name: str
    version: int
    branch_id: UUID | None
    category: str
    kind: str
    set_at: datetime
    loan_days: int
    loan_limit: int
    renewal_limit: int
    renewable_days: int
    hold_limit: int | None
    pickup_days: int
    overdue_limit: int
    fee_per_day: int
    fee_grace_days: int
    fee_maximum: int
    fee_limit: int
    hold_days: int = 365
    due_soon_days: int = 5
    history_days: int = 90
    lost_price: int = 0
    lost_fee: int = 0
    restricted: bool = False
    open_ended: bool = False
