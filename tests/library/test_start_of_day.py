"""The start of the day, in a librarian's words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from library.lending import holds, loans, overdue, start_of_day
from library.lending.models import DutyRun, Hold, Loan
from library.lending.refusals import LoanNotLate, OverdueLimit
from library.policies import policies
from outbox.models import Event
from tests.threads import at_once

DUE = datetime(2026, 3, 30, 23, 59, 59, tzinfo=UTC)
MORNING = DUE + timedelta(seconds=1)


def events(event_type):
    return Event.objects.filter(type=event_type).count()


def done(now):
    return {each.duty: (each.done, each.failed) for each in start_of_day.run(now=now)}


def test_loans_due_yesterday_become_overdue_once(db, a_loan):
    a_loan()

    assert done(DUE)["mark_overdue"] == (0, 0)
    assert done(MORNING)["mark_overdue"] == (1, 0)
    assert done(MORNING)["mark_overdue"] == (0, 0)
    assert Loan.objects.get().overdue_at == MORNING
    assert events("book.overdue") == 1


def test_what_was_returned_never_becomes_overdue(db, a_loan, now):
    loan = a_loan()
    loans.return_copy(copy_id=loan.copy_id, now=now)

    assert done(MORNING)["mark_overdue"] == (0, 0)


def test_a_day_begins_by_the_branchs_clocks(db, a_branch, a_copy, a_loan):
    for time_zone in ("Asia/Tashkent", "America/Chicago"):
        a_loan(copy_id=a_copy(branch_id=a_branch(time_zone=time_zone)))

    assert done(datetime(2026, 3, 30, 19, tzinfo=UTC))["mark_overdue"] == (1, 0)
    assert done(datetime(2026, 3, 31, 4, 59, tzinfo=UTC))["mark_overdue"] == (0, 0)
    assert done(datetime(2026, 3, 31, 5, tzinfo=UTC))["mark_overdue"] == (1, 0)


def test_a_renewed_loan_can_be_late_once_more(db, a_loan):
    loan = a_loan()
    start_of_day.run(now=MORNING)

    renewed = loans.renew_loan(loan_id=loan.loan_id, now=MORNING)

    assert Loan.objects.get().overdue_at is None
    later = renewed.due_at + timedelta(seconds=1)
    assert done(later)["mark_overdue"] == (1, 0)
    assert events("book.overdue") == 2


def test_only_what_is_late_is_marked(db, a_loan):
    loan = a_loan()

    with pytest.raises(LoanNotLate):
        overdue.mark_overdue(loan_id=loan.loan_id, now=DUE)
    overdue.mark_overdue(loan_id=loan.loan_id, now=MORNING)
    with pytest.raises(LoanNotLate):
        overdue.mark_overdue(loan_id=loan.loan_id, now=MORNING)


def test_only_holds_that_ended_expire_and_once(db, a_book, a_copy, a_hold):
    books = [a_book() for _ in range(3)]
    for book_id in books:
        a_copy(book_id=book_id)
    ended, cancelled = a_hold(books[0]), a_hold(books[1])
    waiting = a_hold(books[0])
    later = a_hold(books[2], now=cancelled.placed_at + timedelta(days=1))
    holds.cancel_hold(hold_id=cancelled.hold_id, now=cancelled.placed_at)
    after = datetime(2026, 3, 13, tzinfo=UTC)

    assert done(after)["expire_holds"] == (1, 0)
    assert done(after)["expire_holds"] == (0, 0)

    found = {hold.id: hold.status for hold in Hold.objects.all()}
    assert found == {
        ended.hold_id: "expired",
        cancelled.hold_id: "cancelled",
        waiting.hold_id: "ready",
        later.hold_id: "ready",
    }


def test_a_copy_that_may_be_lent_from_now_on_goes_to_who_waits(
    db, a_loan, a_copy, a_hold, now
):
    policies.set_policy(name="here", kind="here", loan_days=0, now=now)
    hold = a_hold(a_loan().book_id)
    copy_id = a_copy(book_id=hold.book_id, kind="here")
    policies.set_policy(name="here", kind="here", loan_days=1, now=now)

    assert done(now)["hand_out_copies"] == (1, 0)
    assert done(now)["hand_out_copies"] == (0, 0)
    assert Hold.objects.get().copy_id == copy_id


def test_one_failing_entry_does_not_stop_the_others(db, a_loan, monkeypatch, caplog):
    broken = a_loan().loan_id
    for _ in range(2):
        a_loan()
    mark = overdue.mark_overdue

    def fail_for_one(*, loan_id, now):
        if loan_id == broken:
            raise RuntimeError("a fault of ours")
        return mark(loan_id=loan_id, now=now)

    monkeypatch.setattr(overdue, "mark_overdue", fail_for_one)

    assert done(MORNING)["mark_overdue"] == (2, 1)
    assert str(broken) in caplog.text


def test_a_duty_that_cannot_say_what_is_due_does_not_stop_the_others(
    db, a_loan, monkeypatch, caplog
):
    a_loan()

    def fail(now):
        raise RuntimeError("a fault of ours")

    first = next(iter(start_of_day.DUTIES))
    _, act = start_of_day.DUTIES[first]
    monkeypatch.setitem(start_of_day.DUTIES, first, (fail, act))

    found = done(MORNING)

    assert (found[first], found["mark_overdue"]) == ((0, 1), (1, 0))
    assert first in caplog.text


def test_two_runs_at_once_do_nothing_twice(committed_db, a_loan, a_hold):
    for _ in range(5):
        a_loan()

    at_once(4, lambda _: start_of_day.run(now=MORNING))

    assert events("book.overdue") == 5


def test_relays_do_it_once_in_a_quarter_of_an_hour(committed_db, a_loan):
    a_loan()

    with time_machine.travel(MORNING, tick=False):
        at_once(4, lambda _: start_of_day.look_after())
        assert DutyRun.objects.count() == len(start_of_day.DUTIES)
    with time_machine.travel(MORNING + timedelta(minutes=15), tick=False):
        start_of_day.look_after()

    assert DutyRun.objects.count() == 2 * len(start_of_day.DUTIES)
    assert events("book.overdue") == 1


def test_rows_of_slots_long_gone_are_dropped(db):
    for days in (0, 8):
        with time_machine.travel(MORNING + timedelta(days=days), tick=False):
            start_of_day.look_after()

    assert DutyRun.objects.count() == len(start_of_day.DUTIES)


def test_two_runs_of_a_slot_cannot_exist(db):
    DutyRun.objects.create(name="mark_overdue", slot=MORNING)

    with pytest.raises(IntegrityError, match="per_slot"), transaction.atomic():
        DutyRun.objects.create(name="mark_overdue", slot=MORNING)


def test_the_command_says_what_was_done(db, a_loan):
    a_loan()
    out = StringIO()

    call_command("start_of_day", "--date=2026-03-31", stdout=out)

    assert "mark_overdue: 1 done, 0 failed" in out.getvalue()
    with pytest.raises(CommandError, match="has not begun"):
        call_command("start_of_day", "--date=9999-01-01")


# --- Too much that is late ----------------------------------------------------


def test_with_two_late_loans_of_a_branch_nothing_more_is_lent_there(
    db, a_branch, a_copy, a_loan, a_member
):
    here, member_id = a_branch(time_zone="UTC"), a_member()

    def borrow(branch_id, **more):
        copy_id = a_copy(branch_id=branch_id)
        return a_loan(copy_id=copy_id, member_id=member_id, **more)

    borrow(here)
    borrow(here, now=MORNING)
    late = borrow(here, now=MORNING).due_at + timedelta(seconds=1)

    with pytest.raises(OverdueLimit) as refusal:
        borrow(here, now=late)
    elsewhere = borrow(a_branch(), now=late)

    assert refusal.value.facts == {"overdue": 3, "limit": 2}
    assert elsewhere.member_id == member_id


def test_one_late_loan_is_no_reason_and_no_limit_is_none(db, a_loan, a_member, now):
    policies.set_policy(name="all", overdue_limit=0, now=now)
    patient, strict = a_member(), a_member()
    for _ in range(3):
        a_loan(member_id=patient)
    a_loan(member_id=strict)

    assert a_loan(member_id=patient, now=MORNING)
    policies.set_policy(name="all", overdue_limit=2, now=now)
    assert a_loan(member_id=strict, now=MORNING)
