"""Days that are declared closed afterwards, in a librarian's words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from library.catalog import branches
from library.lending import closures, loans, start_of_day
from library.lending.models import Hold, Loan
from library.policies import policies
from outbox.models import Event
from tests.threads import at_once

DUE_DAY, NEXT_DAY = date(2026, 3, 30), date(2026, 3, 31)


@pytest.fixture
def here(a_branch):
    return a_branch(time_zone="UTC")


@pytest.fixture
def close(here, now):
    """Declare days of the branch closed, and say how many facts that made."""

    def declare(*days, **more):
        branches.describe_branch(
            branch_id=here,
            name="Here",
            time_zone="UTC",
            closed_on=days,
            **{"now": now, **more},
        )
        return Event.objects.filter(type="book.due_changed").count()

    return declare


@pytest.fixture
def lend(here, a_copy, a_loan):
    return lambda **more: a_loan(copy_id=a_copy(branch_id=here), **more)


@pytest.fixture
def many(monkeypatch):
    """Let even one member be too many to be dealt with at once."""
    monkeypatch.setattr(closures, "AT_ONCE", 0)


def due_days():
    return sorted(loan.due_at.date() for loan in Loan.objects.open())


def moved(now):
    (duty,) = (d for d in start_of_day.run(now=now) if d.duty == "move_dates")
    return duty.done


def test_only_what_is_due_there_and_then_moves(db, lend, a_loan, close, now):
    lend()
    a_loan()  # of no branch
    lend(now=now + timedelta(days=1))

    assert close(DUE_DAY) == 1
    assert due_days() == [DUE_DAY, NEXT_DAY, NEXT_DAY]


def test_several_closed_days_are_passed_over_and_no_open_day_changes_nothing(
    db, lend, close
):
    lend()

    assert close(NEXT_DAY) == 0
    assert close(DUE_DAY, NEXT_DAY) == 1
    assert due_days() == [date(2026, 4, 1)]


def test_what_was_returned_keeps_its_date(db, lend, close, now):
    loans.return_copy(copy_id=lend().copy_id, now=now)

    assert close(DUE_DAY) == 0


def test_a_day_that_is_over_is_declared_closed_in_time_or_too_late(db, lend, close):
    lend()
    start_of_day.run(now=datetime(2026, 3, 31, tzinfo=UTC))
    assert Loan.objects.get().overdue_at

    assert close(DUE_DAY, now=datetime(2026, 4, 1, tzinfo=UTC)) == 0
    assert close(DUE_DAY, now=datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC)) == 1

    assert due_days() == [NEXT_DAY]
    assert Loan.objects.get().overdue_at is None


def test_a_closed_weekday_moves_dates_too(db, lend, close, here, now):
    lend()

    assert close(closed_weekdays=[0]) == 1
    assert due_days() == [NEXT_DAY]


def test_where_the_branch_never_opens_dates_stay(db, lend, close, now):
    lend()

    assert close(closed_weekdays=range(7)) == 0
    assert moved(now) == 0
    assert due_days() == [DUE_DAY]


def test_many_are_left_to_the_start_of_the_day_each_in_a_step(
    db, lend, close, many, now
):
    for _ in range(3):
        lend()

    assert close(DUE_DAY) == 0
    assert moved(now) == 3
    assert moved(now) == 0
    assert due_days() == [NEXT_DAY] * 3


def test_a_run_that_breaks_off_is_gone_on_with(db, lend, close, many, now, monkeypatch):
    for _ in range(3):
        lend()
    close(DUE_DAY)
    move, steps = closures.move, iter([True, False])

    def breaks_off(**said):
        if not next(steps):
            raise KeyboardInterrupt
        return move(**said)

    with monkeypatch.context() as broken:
        broken.setattr(closures, "move", breaks_off)
        with pytest.raises(KeyboardInterrupt):
            start_of_day.run(now=now)

    assert due_days() == [DUE_DAY, DUE_DAY, NEXT_DAY]
    assert moved(now) == 2
    assert due_days() == [NEXT_DAY] * 3


def test_two_runs_at_once_move_everything_once(
    committed_db, lend, close, many, now, a_member
):
    member_id = a_member()
    for _ in range(3):
        lend(member_id=member_id)
        lend()
    close(DUE_DAY)

    answers = at_once(4, lambda _: start_of_day.run(now=now))

    assert [each for each in answers if isinstance(each, Exception)] == []
    assert Event.objects.filter(type="book.due_changed").count() == 6
    assert due_days() == [NEXT_DAY] * 6


def test_a_copy_is_kept_until_the_next_open_day(
    db, here, a_book, a_copy, a_hold, close
):
    book_id = a_book()
    a_copy(book_id=book_id, branch_id=here)
    hold = a_hold(book_id)
    assert Hold.objects.get().pickup_until.date() == date(2026, 3, 12)

    close(date(2026, 3, 12))

    kept = Hold.objects.get()
    assert kept.id == hold.hold_id
    assert kept.pickup_until == datetime(2026, 3, 13, 23, 59, 59, tzinfo=UTC)
    assert Event.objects.filter(type="hold.extended").count() == 1


def test_the_day_of_the_reminder_moves_along(db, lend, close, now):
    policies.set_policy(name="two", due_soon_days=2, now=now)
    lend()

    close(DUE_DAY)

    assert Loan.objects.get().remind_at == datetime(2026, 3, 29, tzinfo=UTC)
