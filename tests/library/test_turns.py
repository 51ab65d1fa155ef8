"""Turns that are given up for a while, or given by the desk, in its words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from library.advance import advance
from library.lending import holds, loans, start_of_day, turns
from library.lending.hold_events import HoldReady
from library.lending.hold_refusals import (
    HoldClosed,
    HoldHasCopy,
    HoldNotSuspended,
    HoldThereAlready,
    InvalidHold,
    UnknownHold,
)
from library.lending.models import Hold
from library.lending.refusals import OnHoldForOther
from outbox.models import Event
from tests.threads import at_once

SECOND = timedelta(seconds=1)


def status(hold):
    return Hold.objects.get(id=hold.hold_id).status


def queue(book_id):
    rows = Hold.objects.waiting(book_id).with_positions()
    return [(row.position, row.id) for row in rows]


def in_order(*placed):
    return list(enumerate((each.hold_id for each in placed), start=1))


def suspend(hold, now, until=None):
    return turns.suspend_hold(hold_id=hold.hold_id, until=until, now=now)


def move(hold, position, now):
    return turns.move_hold(hold_id=hold.hold_id, position=position, now=now)


@pytest.fixture
def lent(a_loan):
    """A book whose only copy is on loan."""
    return a_loan()


@pytest.fixture
def three(lent, a_hold):
    """Three who wait for it."""
    return [a_hold(lent.book_id) for _ in range(3)]


# --- Suspended ----------------------------------------------------------------


def test_a_suspended_hold_keeps_its_place_and_is_passed_over(db, lent, three, now):
    first, second, third = three
    suspend(first, now)
    assert queue(lent.book_id) == in_order(first, second, third)

    loans.return_copy(copy_id=lent.copy_id, now=now)

    assert [status(each) for each in three] == ["suspended", "ready", "waiting"]
    assert queue(lent.book_id) == in_order(first, third)


def test_a_resumed_hold_has_its_old_turn(db, lent, three, now):
    first = three[0]
    suspend(first, now)
    turns.resume_hold(hold_id=first.hold_id, now=now)

    loans.return_copy(copy_id=lent.copy_id, now=now)

    assert [status(each) for each in three] == ["ready", "waiting", "waiting"]


def test_a_copy_that_waits_on_the_shelf_is_for_who_resumes(db, lent, a_hold, now):
    hold = a_hold(lent.book_id)
    suspend(hold, now)
    loans.return_copy(copy_id=lent.copy_id, now=now)
    assert status(hold) == "suspended"

    turns.resume_hold(hold_id=hold.hold_id, now=now)

    assert status(hold) == "ready"


@pytest.mark.parametrize(
    ("time_zone", "begins"),
    [
        ("Asia/Tashkent", "2026-03-28T19:00:00+00:00"),
        ("America/Chicago", "2026-03-29T05:00:00+00:00"),
        ("Europe/London", "2026-03-29T00:00:00+00:00"),  # has 23 hours there
    ],
)
def test_a_suspension_ends_with_the_start_of_its_day(
    db, lent, a_branch, a_hold, now, time_zone, begins
):
    branch_id, morning = a_branch(time_zone=time_zone), datetime.fromisoformat(begins)
    hold = a_hold(lent.book_id, pickup_branch_id=branch_id)

    suspended = suspend(hold, now, date(2026, 3, 29))

    def resumed(moment):
        done = {each.duty: each.done for each in start_of_day.run(now=moment)}
        return done["resume_holds"]

    assert suspended.resumes_at == morning
    assert resumed(morning - SECOND) == 0
    assert status(hold) == "suspended"
    assert (resumed(morning), resumed(morning)) == (1, 0)
    assert status(hold) == "waiting"


def test_on_the_days_after_clocks_go_back_a_suspension_ends_at_midnight(
    db, lent, a_branch, a_hold, now
):
    hold = a_hold(lent.book_id, pickup_branch_id=a_branch(time_zone="Europe/London"))

    ends = [suspend(hold, now, date(2026, 10, day)).resumes_at for day in (25, 26)]

    assert ends == [
        datetime(2026, 10, 24, 23, tzinfo=UTC),
        datetime(2026, 10, 26, 0, tzinfo=UTC),
    ]


def test_who_names_a_later_day_meanwhile_is_not_resumed(db, three, now):
    first, day = three[0], date(2026, 3, 10)
    suspend(first, now, day)
    suspend(first, now, day + timedelta(days=1))

    with pytest.raises(HoldNotSuspended):
        turns.resume_in_time(
            hold_id=first.hold_id, now=datetime(2026, 3, 10, tzinfo=UTC)
        )

    assert status(first) == "suspended"


def test_a_suspension_ends_on_a_day_to_come(db, three, now):
    with pytest.raises(InvalidHold):
        suspend(three[0], now, now.date())

    assert suspend(three[0], now, now.date() + timedelta(days=1))


def test_a_suspended_hold_stops_nobodys_renewal(db, lent, a_hold, now):
    hold = a_hold(lent.book_id)
    suspend(hold, now)
    assert loans.renew_loan(loan_id=lent.loan_id, now=now)

    turns.resume_hold(hold_id=hold.hold_id, now=now)

    with pytest.raises(OnHoldForOther):
        loans.renew_loan(loan_id=lent.loan_id, now=now)


def test_a_suspended_hold_that_waited_long_enough_expires(db, lent, a_hold, now):
    hold = a_hold(lent.book_id, days=1)
    suspend(hold, now)

    start_of_day.run(now=datetime(2026, 3, 4, tzinfo=UTC))

    assert status(hold) == "expired"


def test_a_suspended_member_may_take_what_is_on_the_shelf(
    db, lent, a_hold, a_loan, now
):
    hold = a_hold(lent.book_id)
    suspend(hold, now)
    loans.return_copy(copy_id=lent.copy_id, now=now)

    a_loan(lent.copy_id, hold.member_id)

    assert status(hold) == "fulfilled"


def test_what_is_set_aside_or_over_is_neither_suspended_nor_moved(db, lent, three, now):
    ready, over = three[:2]
    loans.return_copy(copy_id=lent.copy_id, now=now)
    holds.cancel_hold(hold_id=over.hold_id, now=now)

    for hold, refusal in ((ready, HoldHasCopy), (over, HoldClosed)):
        with pytest.raises(refusal):
            suspend(hold, now)
        with pytest.raises(refusal):
            turns.resume_hold(hold_id=hold.hold_id, now=now)
        with pytest.raises(refusal):
            move(hold, 1, now)
    with pytest.raises(UnknownHold):
        turns.suspend_hold(hold_id=uuid4(), now=now)


def test_only_what_is_suspended_is_resumed(db, three, now):
    with pytest.raises(HoldNotSuspended):
        turns.resume_hold(hold_id=three[0].hold_id, now=now)


def test_a_copy_cannot_be_set_aside_for_who_does_not_want_it_now(db, lent, three, now):
    suspend(three[0], now)
    ready = HoldReady(
        hold_id=three[0].hold_id,
        book_id=lent.book_id,
        member_id=three[0].member_id,
        copy_id=lent.copy_id,
        branch_id=None,
        ready_at=now,
        pickup_until=now,
        pickup_days=0,
    )

    with pytest.raises(IntegrityError, match="suspended"), transaction.atomic():
        advance(ready)


# --- Moved --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("which", "position", "expected"),
    [
        (2, 1, [2, 0, 1]),
        (1, 1, [1, 0, 2]),
        (0, 2, [1, 0, 2]),
        (0, 3, [1, 2, 0]),
        (2, 2, [0, 2, 1]),
    ],
)
def test_the_desk_moves_a_hold_and_no_gap_is_left(
    db, lent, three, now, which, position, expected
):
    move(three[which], position, now)

    assert queue(lent.book_id) == in_order(*(three[each] for each in expected))


def test_who_was_moved_to_the_front_gets_the_next_copy(db, lent, three, a_hold, now):
    move(three[2], 1, now)
    latest = a_hold(lent.book_id)

    loans.return_copy(copy_id=lent.copy_id, now=now)

    assert status(three[2]) == "ready"
    assert queue(lent.book_id) == in_order(three[0], three[1], latest)


def test_a_hold_is_moved_to_a_place_there_is(db, three, now):
    for position in (0, 4):
        with pytest.raises(InvalidHold):
            move(three[0], position, now)
    with pytest.raises(HoldThereAlready):
        move(three[0], 1, now)

    assert not Event.objects.filter(type="hold.moved").exists()


def test_each_hold_that_has_another_number_says_so(db, three, now):
    move(three[1], 1, now)

    moved = Event.objects.filter(type="hold.moved").order_by("seq")
    assert [each.stream for each in moved] == [
        f"hold:{three[which].hold_id}" for which in (1, 0, 2)
    ]


def test_those_who_are_moved_at_once_have_each_a_place(
    committed_db, a_loan, a_hold, now
):
    lent = a_loan()
    waiting = [a_hold(lent.book_id) for _ in range(6)]

    answers = at_once(5, lambda n: move(waiting[n + 1], 1, now))

    assert [each for each in answers if isinstance(each, Exception)] == []
    assert [place for place, _ in queue(lent.book_id)] == [1, 2, 3, 4, 5, 6]
