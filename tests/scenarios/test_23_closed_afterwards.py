"""
A due day is declared closed afterwards: due dates move, each member told once, after
the commit.
"""

from __future__ import annotations

from datetime import date

import pytest
from django.db import transaction

from library.catalog import branches
from library.lending.models import Hold, Loan
from library.policies import policies

CLOSED, NEXT = date(2026, 3, 12), date(2026, 3, 13)


@pytest.fixture
def desk(a_branch, a_book, a_copy, a_loan, a_hold, a_member, now):
    """Two loans and a waiting copy of one member, and a loan of another, on one day."""
    here, member_id = a_branch(time_zone="UTC"), a_member()
    policies.set_policy(name="ten", loan_days=10, now=now)
    for who in (member_id, member_id, a_member()):
        a_loan(copy_id=a_copy(branch_id=here), member_id=who)
    book_id = a_book(title="Kecha va kunduz")
    a_copy(book_id=book_id, branch_id=here)
    a_hold(book_id, member_id=member_id)

    def close():
        branches.describe_branch(
            branch_id=here, name="Here", time_zone="UTC", closed_on=[CLOSED], now=now
        )

    return close


def dates():
    due = {loan.due_at.date() for loan in Loan.objects.all()}
    return due | {hold.pickup_until.date() for hold in Hold.objects.all()}


def test_dates_move_to_the_next_open_day(db, desk):
    assert dates() == {CLOSED}

    desk()

    assert dates() == {NEXT}


def test_each_member_is_told_once_of_all_that_has_moved(db, desk, written):
    desk()

    one, other = sorted(
        (letter.body for letter in written("due_changed")), key=len, reverse=True
    )
    assert one.count("Oʻtkan kunlar") == 2
    assert one.count("13 March 2026") == 3
    assert "“Kecha va kunduz” waits for you until 13 March 2026" in one
    assert other.count("13 March 2026") == 1
    assert written("pickup_changed") == []


def test_nobody_is_told_of_what_was_not_committed(db, desk, written):
    with transaction.atomic():
        desk()
        transaction.set_rollback(True)

    assert written("due_changed") == []
    assert dates() == {CLOSED}


def test_saying_it_again_tells_nobody_again(db, desk, written):
    desk()
    desk()

    assert len(written("due_changed")) == 2
