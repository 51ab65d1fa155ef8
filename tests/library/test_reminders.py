"""What is due soon, in a librarian's words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from library.lending import loans, reminders, start_of_day
from library.lending.date_refusals import LoanNotDueSoon
from library.lending.models import Loan
from library.policies import policies
from outbox.models import Event

# Borrowed on 2 March, due at the end of the 30th; five days before that day begins:
SOON = datetime(2026, 3, 25, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def done(now):
    found = {each.duty: each for each in start_of_day.run(now=now)}
    return found["remember_loans"].done


def test_a_loan_is_remembered_once_some_days_before_it_is_due(db, a_loan):
    loan = a_loan()

    assert [done(SOON - SECOND), done(SOON), done(SOON)] == [0, 1, 0]
    said = Event.objects.get(type="book.due_soon").data
    assert said["loan_id"] == str(loan.loan_id)


def test_by_the_clocks_of_its_branch_also_when_these_change(
    db, a_branch, a_copy, a_loan
):
    london = a_branch(time_zone="Europe/London")  # summer time begins on the 29th
    a_loan(copy_id=a_copy(branch_id=london))
    a_loan(copy_id=a_copy(branch_id=london), now=datetime(2026, 3, 6, 10, tzinfo=UTC))

    first, second = Loan.objects.order_by("borrowed_at")

    assert first.remind_at == datetime(2026, 3, 25, tzinfo=UTC)
    assert second.due_at == datetime(2026, 4, 3, 22, 59, 59, tzinfo=UTC)
    assert second.remind_at == datetime(2026, 3, 29, tzinfo=UTC)


def test_the_policy_says_how_many_days_and_none_is_none(db, a_loan, now):
    policies.set_policy(name="two", due_soon_days=2, now=now)
    a_loan()
    policies.set_policy(name="none", due_soon_days=0, now=now)
    a_loan()

    assert [done(SOON), done(SOON + timedelta(days=3))] == [0, 1]


def test_a_loan_that_is_shorter_is_not_remembered(db, a_loan, now):
    policies.set_policy(name="short", loan_days=5, due_soon_days=5, now=now)

    assert a_loan().remind_at is None
    assert a_loan(now=now + timedelta(days=1)).remind_at is None
    policies.set_policy(name="longer", loan_days=6, due_soon_days=5, now=now)
    assert a_loan().remind_at == datetime(2026, 3, 3, tzinfo=UTC)


def test_what_was_returned_or_is_late_is_not_remembered(db, a_loan, now):
    back, late = a_loan(), a_loan()
    loans.return_copy(copy_id=back.copy_id, now=now)

    assert done(late.due_at + SECOND) == 0
    assert not Event.objects.filter(type="book.due_soon").exists()


def test_a_renewed_loan_is_remembered_once_more(db, a_loan, now):
    loan = a_loan()
    assert done(SOON) == 1

    renewed = loans.renew_loan(loan_id=loan.loan_id, now=SOON)

    assert [done(SOON), done(renewed.remind_at)] == [0, 1]


def test_nothing_is_remembered_before_its_day_or_twice(db, a_loan):
    loan_id = a_loan().loan_id

    with pytest.raises(LoanNotDueSoon):
        reminders.remember(loan_id=loan_id, now=SOON - SECOND)
    reminders.remember(loan_id=loan_id, now=SOON)
    with pytest.raises(LoanNotDueSoon):
        reminders.remember(loan_id=loan_id, now=SOON)
