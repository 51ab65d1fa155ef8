"""
Returned at any branch by anyone: loan closed, overdue mark gone, fee settled.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from library.accounts.models import Fee
from library.lending import start_of_day
from library.lending.models import Loan
from library.lending.transits import take_back
from library.policies import policies

SECOND = timedelta(seconds=1)


@pytest.fixture
def late(a_branch, a_copy, a_loan, now):
    """A loan that was due two days ago and marked so."""
    policies.set_policy(name="fees", fee_per_day=100, now=now)
    loan = a_loan(copy_id=a_copy(branch_id=a_branch()))
    start_of_day.run(now=loan.due_at + SECOND)
    return loan


def test_the_loan_is_closed_and_the_mark_is_gone(db, late, a_branch):
    assert Loan.objects.get().overdue_at
    elsewhere = a_branch()

    take_back(copy_id=late.copy_id, at=elsewhere, now=late.due_at + timedelta(days=2))

    loan = Loan.objects.get()
    assert (loan.outcome, loan.overdue_at) == ("returned", None)
    assert not Loan.objects.open().exists()


def test_the_fee_is_settled_for_good(db, late, events, a_branch):
    later = late.due_at + timedelta(days=2)

    take_back(copy_id=late.copy_id, at=a_branch(), now=later)
    start_of_day.run(now=later + timedelta(days=30))

    assert [each.amount for each in events("fee.charged")] == [200]
    assert Fee.objects.balance() == 200
