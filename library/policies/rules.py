"""What a policy says: values alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """
    The numbers that apply to a loan or hold, and where they come from.

    Zero `loan_days`: not for loan. `renewable_days`: how long before its due date
    a loan may be renewed, 0: at any time. Money is in the smallest unit there is;
    a fee, limit or threshold of 0 is none, a hold limit of 0 no holds at all.
    """

    name: str = "default"
    version: int = 0
    loan_days: int
    loan_limit: int
    renewal_limit: int = 3
    renewable_days: int = 0
    hold_limit: int = 5
    pickup_days: int = 10
    overdue_limit: int = 2
    fee_per_day: int = 0
    fee_grace_days: int = 0
    fee_maximum: int = 0
    fee_limit: int = 0
