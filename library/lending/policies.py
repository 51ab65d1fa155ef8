"""Which policy applies to a loan: one for all, until there are branches."""

from __future__ import annotations

from django.conf import settings

from library.lending.rules import Policy


def for_loan() -> Policy:
    """Return the policy in force."""
    return Policy(
        loan_days=settings.LENDING["LOAN_DAYS"],
        loan_limit=settings.LENDING["LOAN_LIMIT"],
    )
