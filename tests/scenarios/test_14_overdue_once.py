"""
Start of day: loans due yesterday become overdue once; due tomorrow not; returned never.
Running it twice, or two at once, changes nothing more.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO

from django.core.management import call_command

from library.lending import loans, start_of_day
from library.lending.models import Loan
from outbox.models import Event
from tests.threads import at_once

DAY = timedelta(days=1)
TODAY = datetime(2026, 3, 31, tzinfo=UTC)  # a loan of 2 March was due yesterday


def late():
    return set(
        Loan.objects.filter(overdue_at__isnull=False).values_list("id", flat=True)
    )


def test_what_was_due_yesterday_is_overdue_and_nothing_else(db, a_loan, now):
    yesterday, back = a_loan(), a_loan()
    loans.return_copy(copy_id=back.copy_id, now=now)
    a_loan(now=now + 2 * DAY)  # due tomorrow

    start_of_day.run(now=TODAY)

    assert late() == {yesterday.loan_id}


def test_running_it_twice_changes_nothing_more(db, a_loan):
    a_loan()

    for moment in (TODAY, TODAY, TODAY + DAY):
        start_of_day.run(now=moment)

    assert Event.objects.filter(type="book.overdue").count() == 1


def test_nor_do_two_at_once(committed_db, a_loan):
    for _ in range(4):
        a_loan()

    answers = at_once(2, lambda _: start_of_day.run(now=TODAY))

    assert sum(d.done for run in answers for d in run if d.duty == "mark_overdue") == 4
    assert Event.objects.filter(type="book.overdue").count() == 4


def test_by_hand_for_a_day_that_was_missed_and_again(db, a_loan):
    a_loan()
    for said in ("1 done, 0 failed", "0 done, 0 failed"):
        out = StringIO()

        call_command("start_of_day", "--date=2026-03-31", stdout=out)

        assert f"mark_overdue: {said}" in out.getvalue()
