"""
My ready hold, borrowed: hold fulfilled, loan due by policy. A copy ready for another
member: `on_hold_for_other`, queue unchanged.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from library.lending import loans
from library.lending.models import Hold, Loan
from library.lending.refusals import OnHoldForOther
from library.policies import policies


@pytest.fixture
def ready(db, a_book, a_copy, a_hold):
    """The copy of a book, ready for one member while another waits."""
    book_id = a_book()
    copy_id = a_copy(book_id)
    return copy_id, a_hold(book_id), a_hold(book_id)


def queue():
    holds = Hold.objects.with_positions().order_by("number")
    return [(hold.member_id, hold.status, hold.position) for hold in holds]


def test_my_ready_hold_is_fulfilled_and_the_loan_due_by_policy(ready, now):
    copy_id, mine, other = ready
    policies.set_policy(name="short", loan_days=14, now=now)

    borrowed = loans.borrow_copy(copy_id=copy_id, member_id=mine.member_id, now=now)

    assert borrowed.hold_id == mine.hold_id
    assert (borrowed.policy, borrowed.loan_days) == ("short", 14)
    assert Loan.objects.get().due_at == datetime(2026, 3, 16, 23, 59, 59, tzinfo=UTC)
    assert queue() == [
        (mine.member_id, "fulfilled", None),
        (other.member_id, "waiting", 1),
    ]


def test_a_copy_ready_for_another_is_refused_and_the_queue_unchanged(ready, now):
    copy_id, _, other = ready
    before = queue()

    with pytest.raises(OnHoldForOther):
        loans.borrow_copy(copy_id=copy_id, member_id=other.member_id, now=now)

    assert queue() == before
    assert not Loan.objects.exists()
