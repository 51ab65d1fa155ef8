"""
Renew with a copy-level hold by another: refused; another copy of the book may be
renewed. With one book-level hold and a free second copy: allowed; with two such holds:
refused.
"""

from __future__ import annotations

import pytest

from library.lending import loans
from library.lending.models import Hold
from library.lending.refusals import OnHoldForOther
from library.policies import policies


def renew(loan, now):
    return loans.renew_loan(loan_id=loan.loan_id, now=now)


@pytest.fixture
def lent(db, a_book, a_copy, a_loan):
    """Two copies of a book, each on loan."""
    book_id = a_book()
    return [a_loan(a_copy(book_id)) for _ in range(2)]


def test_a_copy_that_another_wants_is_not_renewed_another_copy_is(lent, a_hold, now):
    wanted, other = lent
    a_hold(wanted.book_id, copy_id=wanted.copy_id)

    with pytest.raises(OnHoldForOther) as refusal:
        renew(wanted, now)

    assert [each.code for each in refusal.value.reasons] == ["on_hold_for_other"]
    assert renew(other, now)


def test_with_one_hold_of_the_book_and_a_free_second_copy_a_loan_is_renewed(
    lent, a_copy, a_hold, now
):
    a_hold(lent[0].book_id)
    with pytest.raises(OnHoldForOther):
        renew(lent[0], now)

    # A copy that may be lent from now on is not set aside before the start of the day.
    policies.set_policy(name="rare", kind="rare", loan_days=0, now=now)
    a_copy(lent[0].book_id, kind="rare")
    policies.set_policy(name="rare", kind="rare", loan_days=1, now=now)

    assert Hold.objects.get().status == "waiting"
    assert renew(lent[0], now)


def test_with_two_such_holds_it_is_refused(lent, a_copy, a_hold, now):
    for _ in range(2):
        a_hold(lent[0].book_id)
    a_copy(lent[0].book_id)

    with pytest.raises(OnHoldForOther):
        renew(lent[0], now)
