"""What is forgotten of past loans, in a librarian's words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, transaction

from library.accounts import fees
from library.accounts.models import Fee
from library.catalog.models import Copy
from library.lending import history, loans, start_of_day
from library.lending.models import Loan, PastLoan
from library.lending.refusals import HistoryKept, UnknownLoan
from library.members.erasing import erase_member
from library.members.models import Member
from library.members.preferences import change_preferences
from library.policies import policies
from outbox import sequencer
from outbox.models import Event
from projections import feed, reading
from projections.models import Shelf
from projections.questions import past
from tests.threads import at_once

DELAY = timedelta(days=90)


def forget(loan, moment):
    return history.forget_borrower(loan_id=loan.loan_id, now=moment)


def forgotten_by(moment):
    done = {
        each.duty: (each.done, each.failed) for each in start_of_day.run(now=moment)
    }
    return done["forget_borrowers"]


@pytest.fixture
def returned(a_loan, now):
    """Lend a copy, take it back at once, and return the loan."""

    def make(at=now, **more):
        loan = a_loan(now=at, **more)
        loans.return_copy(copy_id=loan.copy_id, now=at)
        return loan

    return make


def test_whose_a_loan_was_is_forgotten_after_the_delay_and_once(db, returned, now):
    loan = returned()

    with pytest.raises(HistoryKept):
        forget(loan, now + DELAY)
    assert forgotten_by(now + DELAY) == (0, 0)
    assert forgotten_by(now + DELAY + timedelta(seconds=1)) == (1, 0)
    assert forgotten_by(now + DELAY * 2) == (0, 0)

    with pytest.raises(UnknownLoan):
        forget(loan, now + DELAY * 2)
    assert not Loan.objects.exists()


def test_what_is_counted_stays(db, a_branch, a_copy, a_member, returned):
    chicago = a_branch(time_zone="America/Chicago")
    member_id = a_member(category="student")
    copy_id = a_copy(branch_id=chicago, kind="map")
    loan = returned(
        copy_id=copy_id, member_id=member_id, at=datetime(2026, 3, 1, 5, tzinfo=UTC)
    )

    # In Chicago it was still February.
    forgotten = forget(loan, datetime(2026, 7, 1, tzinfo=UTC))

    kept = PastLoan.objects.get()
    assert (kept.branch_id, kept.category, kept.kind, kept.month) == (
        chicago,
        "student",
        "map",
        "2026-02",
    )
    row = Event.objects.get(type="loan.forgotten")
    assert str(member_id) not in f"{row.data} {row.about} {row.stream}"
    assert forgotten.month == "2026-02"


def test_what_is_at_home_is_not_forgotten(db, a_loan, now):
    loan = a_loan()

    with pytest.raises(HistoryKept):
        forget(loan, now + DELAY * 9)
    assert forgotten_by(now + DELAY * 9) == (0, 0)


def test_who_wishes_it_keeps_a_history_until_he_does_no_more(db, returned, now):
    loan, later = returned(), now + DELAY * 2
    change_preferences(member_id=loan.member_id, keep_history=True, now=now)

    assert forgotten_by(later) == (0, 0)
    with pytest.raises(HistoryKept):
        forget(loan, later)
    change_preferences(member_id=loan.member_id, keep_history=False, now=later)

    assert forgotten_by(later) == (1, 0)


def test_a_wish_stands_when_something_else_is_changed(db, a_member, now):
    member_id = a_member()
    change_preferences(member_id=member_id, keep_history=True, now=now)
    change_preferences(member_id=member_id, language="uz", now=now)

    assert Member.objects.get().keep_history


def test_while_a_fee_is_owed_it_is_known_for_what(db, a_loan, now):
    policies.set_policy(name="all", fee_per_day=100, now=now)
    loan = a_loan()
    late = loan.due_at + timedelta(days=3)
    loans.return_copy(copy_id=loan.copy_id, now=late)

    assert forgotten_by(late + DELAY * 2) == (0, 0)
    fees.settle_fee(fee_id=Fee.objects.get().id, how="paid", now=late)

    assert forgotten_by(late + DELAY * 2) == (1, 0)


def test_the_delay_is_the_policys_for_the_loan(db, a_copy, returned, now):
    policies.set_policy(name="maps", kind="map", history_days=0, now=now)
    returned(copy_id=a_copy(kind="map"))
    book = returned()

    assert forgotten_by(now + timedelta(seconds=1)) == (1, 0)
    assert Loan.objects.get().id == book.loan_id


def test_loans_of_who_was_erased_are_forgotten_too(db, returned, now):
    loan = returned()
    erase_member(member_id=loan.member_id, now=now)

    assert forgotten_by(now + DELAY * 2) == (1, 0)


def test_a_shelf_forgets_also_what_it_was_at_an_earlier_moment(db, returned, now):
    loan = returned()
    other = returned(member_id=loan.member_id, at=now + DELAY)
    sequencer.sequence_all()
    feed.catch_up_all()
    before = reading.last_position()
    assert Shelf.objects.history(loan.member_id).count() == 2

    assert forgotten_by(now + DELAY + timedelta(days=1)) == (1, 0)
    sequencer.sequence_all()
    feed.catch_up_all()

    (today,) = Shelf.objects.history(loan.member_id)
    (then,) = past.shelf(loan.member_id, returned=True, upto=before)
    assert today.loan_id == then.loan_id == other.loan_id


def test_who_had_a_copy_at_an_earlier_moment_is_forgotten(db, a_loan, now):
    loan = a_loan()
    sequencer.sequence_all()
    then = reading.last_position()
    loans.return_copy(copy_id=loan.copy_id, now=now)

    def borrower():
        (copy,) = past.book(loan.book_id, upto=then).stock
        return copy.loan.member_id

    assert borrower() == loan.member_id
    forget(loan, now + DELAY * 2)
    assert borrower() is None


def test_two_runs_at_once_forget_once(committed_db, returned, now):
    loan = returned()

    answers = at_once(4, lambda _: forget(loan, now + DELAY * 2))

    codes = [getattr(each, "code", "forgotten") for each in answers]
    assert sorted(codes) == ["forgotten"] + ["unknown_loan"] * 3


def test_nobody_changes_his_wish_while_it_is_looked_at(
    committed_db, returned, now, monkeypatch
):
    loan, tried, advance = returned(), [], history.advance

    @transaction.atomic
    def lock_now(_):
        return Member.objects.select_for_update(nowait=True).get(id=loan.member_id)

    def change_at_the_same_time(event):
        tried.extend(at_once(1, lock_now))
        return advance(event)

    monkeypatch.setattr(history, "advance", change_at_the_same_time)
    forget(loan, now + DELAY * 2)

    assert [type(each) for each in tried] == [OperationalError]


def test_nobody_takes_the_copy_while_its_past_is_forgotten(
    committed_db, returned, now, monkeypatch
):
    loan, tried, advance = returned(), [], history.advance

    @transaction.atomic
    def lock_now(_):
        return Copy.objects.select_for_update(nowait=True).get(id=loan.copy_id)

    def lend_at_the_same_time(event):
        tried.extend(at_once(1, lock_now))
        return advance(event)

    monkeypatch.setattr(history, "advance", lend_at_the_same_time)
    forget(loan, now + DELAY * 2)

    assert [type(each) for each in tried] == [OperationalError]


def test_what_an_erased_member_borrowed_is_forgotten_whatever_they_wished(
    db, a_member, returned, now
):
    member_id = a_member()
    change_preferences(member_id=member_id, keep_history=True, now=now)
    returned(member_id=member_id)

    erase_member(member_id=member_id, now=now)

    assert forgotten_by(now + DELAY * 2) == (1, 0)
