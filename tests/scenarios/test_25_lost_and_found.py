"""
Lost, twice: refused the second time. Found: reversed.
"""

from __future__ import annotations

import pytest

from library.accounts import fees
from library.accounts.models import Fee
from library.lending import lost
from library.lending.copy_refusals import AlreadyLost
from library.lending.transits import scan_copy
from library.policies import policies


@pytest.fixture
def loan(a_copy, a_loan, now):
    """The loan of a copy that costs something to replace."""
    policies.set_policy(name="fees", lost_fee=500, now=now)
    return a_loan(copy_id=a_copy(price=4000))


def test_lost_twice(db, loan, now):
    lost.declare_lost(loan_id=loan.loan_id, now=now)

    with pytest.raises(AlreadyLost):
        lost.declare_lost(loan_id=loan.loan_id, now=now)

    assert Fee.objects.get().amount == 4500


@pytest.mark.parametrize(("paid", "balance"), [(False, 0), (True, -4500)])
def test_found(db, loan, events, now, paid, balance):
    lost.declare_lost(loan_id=loan.loan_id, now=now)
    if paid:
        fees.settle_fee(fee_id=Fee.objects.get().id, how="paid", now=now)

    scan_copy(copy_id=loan.copy_id, now=now)

    assert [each.amount for each in events("fee.reversed")] == [4500]
    assert Fee.objects.balance() == balance
