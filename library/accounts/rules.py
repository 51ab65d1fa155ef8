"""What lateness costs, and how a debt ends: pure functions."""

from __future__ import annotations

from datetime import datetime

from library.accounts.refusals import InvalidFee
from library.catalog.calendars import Calendar
from library.policies.rules import Policy

WAYS_TO_SETTLE = ("paid", "waived", "refunded")


def overdue_fee(
    policy: Policy, calendar: Calendar, due_at: datetime, now: datetime
) -> tuple[int, int]:
    """
    Return for how many open days a loan is late, and what that costs.

    Within the grace it costs nothing; past it, all days count.
    """
    days = calendar.open_days_between(calendar.day_of(due_at), calendar.day_of(now))
    if days <= policy.fee_grace_days:
        return days, 0
    amount = days * policy.fee_per_day
    return days, min(amount, policy.fee_maximum or amount)


def way_to_settle(given: str, owed: int) -> str:
    """Return how a fee was settled, or refuse it: a credit can only be refunded."""
    if given not in WAYS_TO_SETTLE or (given == "refunded") is (owed > 0):
        raise InvalidFee(
            "What is owed is paid or waived, and a credit is refunded. Say which.",
            field="how",
        )
    return given
