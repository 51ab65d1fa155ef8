"""
A member with 2 overdue loans at that branch: refused; with 1, or with 3 at another
branch: accepted.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from library.lending.refusals import OverdueLimit


@pytest.fixture
def late(db, a_copy, a_loan, now):
    """Let a member keep copies of a branch too long; return a moment when they are."""

    def lend(member_id, branch_id, times):
        for _ in range(times):
            a_loan(a_copy(branch_id=branch_id), member_id)
        return now + timedelta(days=40)

    return lend


@pytest.fixture
def wanted(db, a_book, a_copy, a_branch):
    """A book at a branch."""
    book_id, branch_id = a_book(), a_branch()
    a_copy(book_id, branch_id=branch_id)
    return book_id, branch_id


def test_with_two_late_loans_at_that_branch_a_hold_is_refused(
    wanted, late, a_member, a_hold
):
    (book_id, branch_id), member_id = wanted, a_member()
    later = late(member_id, branch_id, 2)

    with pytest.raises(OverdueLimit) as refusal:
        a_hold(book_id, member_id, now=later)

    assert refusal.value.facts == {"overdue": 2, "limit": 2}


def test_with_one_it_is_accepted(wanted, late, a_member, a_hold):
    (book_id, branch_id), member_id = wanted, a_member()
    later = late(member_id, branch_id, 1)

    assert a_hold(book_id, member_id, now=later)


def test_with_three_at_another_branch_it_is_accepted(
    wanted, late, a_member, a_branch, a_hold
):
    book_id, member_id = wanted[0], a_member()
    later = late(member_id, a_branch(), 3)

    assert a_hold(book_id, member_id, now=later)


def test_it_is_the_branch_where_the_book_would_be_picked_up(
    wanted, late, a_member, a_branch, a_hold
):
    (book_id, branch_id), elsewhere, member_id = wanted, a_branch(), a_member()
    later = late(member_id, elsewhere, 2)

    with pytest.raises(OverdueLimit):
        a_hold(book_id, member_id, now=later, pickup_branch_id=elsewhere)

    assert a_hold(book_id, member_id, now=later, pickup_branch_id=branch_id)
