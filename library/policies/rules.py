"""What a policy says: values alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """
    The numbers that apply to a loan or hold, and where they come from.

    Zero `loan_days`: not for loan. `renewable_days`: how long before its due date
    a loan may be renewed, 0: at any time. Money is in the smallest unit there is;
    a fee, limit or threshold of 0 is none, a hold limit of 0 no holds at all, and
    one of None as many as somebody likes.

    `hold_days`: how long a hold waits where nothing is said, `open_ended`: it may
    wait for ever. `restricted`: restricted copies are lent too. `due_soon_days`: how
    long before its due date a loan is remembered, `history_days`: how long after its
    return it is known whose it was. `lost_price` is what a lost copy costs that has no
    price of its own, `lost_fee` the work that it makes.
    """

    name: str = "default"
    version: int = 0
    loan_days: int
    loan_limit: int
    renewal_limit: int = 3
    renewable_days: int = 0
    hold_limit: int | None = 5
    hold_days: int = 365
    pickup_days: int = 10
    overdue_limit: int = 2
    fee_per_day: int = 0
    fee_grace_days: int = 0
    fee_maximum: int = 0
    fee_limit: int = 0
    due_soon_days: int = 5
    history_days: int = 90
    lost_price: int = 0
    lost_fee: int = 0
    restricted: bool = False
    open_ended: bool = False
