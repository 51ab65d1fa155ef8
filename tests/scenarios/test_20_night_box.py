"""
Night box, stated 3 days ago: fee recomputed to that day. Stated tomorrow: recorded as
now.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from library.accounts.models import Fee
from library.lending import loans
from library.lending.models import Loan
from library.policies import policies
from outbox.models import Event

DAY = timedelta(days=1)


@pytest.fixture
def late(a_loan, now):
    """A loan, and a moment five days after its due date."""
    policies.set_policy(name="fees", fee_per_day=100, now=now)
    loan = a_loan()
    return loan, loan.due_at + 5 * DAY


def test_stated_three_days_ago(db, late):
    loan, now = late

    loans.return_copy(copy_id=loan.copy_id, returned_at=now - 3 * DAY, now=now)

    assert Fee.objects.balance() == 200
    assert Event.objects.get(type="book.returned").occurred_at == now - 3 * DAY


def test_stated_tomorrow(db, late):
    loan, now = late

    loans.return_copy(copy_id=loan.copy_id, returned_at=now + DAY, now=now)

    assert Fee.objects.balance() == 500
    assert Loan.objects.get().returned_at == now
