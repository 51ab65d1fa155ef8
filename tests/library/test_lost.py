"""Copies that are lost, found, or said to be back, in a librarian's words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from library.accounts import fees
from library.accounts.models import Fee
from library.accounts.refusals import FeeClosed, InvalidFee
from library.advance import advance
from library.catalog.models import Copy
from library.catalog.refusals import AlreadyMarked
from library.lending import loans, lost, overdue, start_of_day
from library.lending.conditions import mark_copy
from library.lending.copy_refusals import (
    AlreadyClaimed,
    AlreadyLost,
    MarkedCopy,
    ReturnedByClaim,
)
from library.lending.models import Hold, Loan
from library.lending.refusals import AlreadyReturned, LoanNotLate, UnknownLoan
from library.lending.transits import scan_copy, take_back
from library.members.erasing import erase_member
from library.policies import policies
from library.refusals import StillInUse
from outbox import sequencer
from outbox.models import Event
from projections import feed
from projections.models import Availability, DueLoan, Shelf
from projections.tallies import Profile
from tests.threads import at_once

DUE = datetime(2026, 3, 30, 23, 59, 59, tzinfo=UTC)  # a Monday
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


@pytest.fixture
def costs(db, now):
    """Say what a late day and a lost copy cost."""

    def set_policy(**numbers):
        said = {"fee_per_day": 100, "lost_price": 6000, "lost_fee": 500, **numbers}
        policies.set_policy(name="fees", now=now, **said)

    return set_policy


@pytest.fixture
def costs_now(committed_db, now):
    """Say what a lost copy costs, in a database that others see."""
    policies.set_policy(name="fees", lost_price=6000, lost_fee=500, now=now)


@pytest.fixture
def a_loss(costs, a_copy, a_loan, now):
    """Lend a copy and declare it lost."""

    def make(price=4000, at=now, **numbers):
        costs(**numbers)
        loan = a_loan(copy_id=a_copy(price=price))
        lost.declare_lost(loan_id=loan.loan_id, now=at)
        return loan

    return make


def amounts():
    return dict(Fee.objects.values_list("kind", "amount"))


@pytest.mark.parametrize(
    ("price", "numbers", "amount"),
    [
        (4000, {}, 4500),
        (None, {}, 6500),
        (0, {}, 500),
        (4000, {"lost_fee": 0}, 4000),
        (None, {"lost_price": 0}, 500),
    ],
)
def test_a_lost_copy_costs_its_price_and_the_work(a_loss, price, numbers, amount):
    a_loss(price, **numbers)

    assert amounts() == {"lost": amount}


def test_what_costs_nothing_is_not_charged(a_loss):
    a_loss(0, lost_fee=0)

    assert not Fee.objects.exists()


def test_a_lost_copy_is_no_longer_on_loan_and_not_lent(a_loss, a_member, now):
    loan = a_loss()

    row = Loan.objects.get()
    assert (row.outcome, row.returned_at) == ("lost", now)
    assert Copy.objects.get().condition == "lost"
    with pytest.raises(MarkedCopy):
        loans.borrow_copy(copy_id=loan.copy_id, member_id=a_member(), now=now)


def test_a_copy_is_lost_once(a_loss, now):
    loan = a_loss()

    with pytest.raises(AlreadyLost):
        lost.declare_lost(loan_id=loan.loan_id, now=now)
    with pytest.raises(AlreadyLost):
        loans.renew_loan(loan_id=loan.loan_id, now=now)

    assert Fee.objects.count() == 1


def test_only_what_is_on_loan_is_declared_lost(db, a_loan, now):
    loan = a_loan()
    loans.return_copy(copy_id=loan.copy_id, now=now)

    with pytest.raises(AlreadyReturned):
        lost.declare_lost(loan_id=loan.loan_id, now=now)
    with pytest.raises(UnknownLoan):
        lost.declare_lost(loan_id=uuid4(), now=now)


def test_one_lost_copy_cannot_cost_twice(a_loss):
    a_loss()
    fee = Fee.objects.get()
    charged = fees.for_loss(
        loan_id=fee.loan_id,
        member_id=fee.member_id,
        due_at=fee.due_at,
        price=1,
        policy=policies.for_loan(None, "reader", "book"),
        now=DUE,
    )

    with pytest.raises(IntegrityError, match="once_per_due"), transaction.atomic():
        advance(charged)


@pytest.mark.parametrize(
    ("at", "late"), [(DUE, None), (DUE + SECOND, 100), (DUE + 2 * DAY, 200)]
)
def test_lateness_is_paid_up_to_the_day_of_the_loss(a_loss, at, late):
    a_loss(at=at)

    assert amounts().get("overdue") == late
    assert amounts()["lost"] == 4500


def test_lateness_ends_by_the_clocks_of_the_branch(costs, a_branch, a_copy, a_loan):
    # Due on Saturday, 28 March; clocks go forward in London on the 29th.
    lent_at = datetime(2026, 3, 27, 10, tzinfo=UTC)
    costs(loan_days=1)
    branch_id = a_branch(time_zone="Europe/London")
    loan = a_loan(copy_id=a_copy(branch_id=branch_id), now=lent_at)

    lost.declare_lost(loan_id=loan.loan_id, now=datetime(2026, 3, 29, 23, tzinfo=UTC))

    assert amounts()["overdue"] == 200


@pytest.mark.parametrize("find", [scan_copy, take_back])
def test_a_lost_copy_that_is_found_costs_nothing_any_more(a_loss, now, find):
    loan = a_loss(at=DUE + SECOND)

    find(copy_id=loan.copy_id, now=now)

    fee = Fee.objects.get(kind="lost")
    assert (fee.owed, bool(fee.reversed_at)) == (0, True)
    assert Fee.objects.balance() == 100  # it was late all the same
    assert Copy.objects.get().condition == ""
    assert Loan.objects.get().outcome == "lost"


def test_taking_the_mark_off_a_lost_copy_finds_it(a_loss, now):
    loan = a_loss()

    mark_copy(copy_id=loan.copy_id, condition="", now=now)

    assert Fee.objects.balance() == 0


def test_a_lost_copy_may_be_found_damaged_but_not_missing(a_loss, now):
    loan = a_loss()

    with pytest.raises(AlreadyMarked):
        mark_copy(copy_id=loan.copy_id, condition="missing", now=now)
    mark_copy(copy_id=loan.copy_id, condition="damaged", now=now)

    assert Fee.objects.balance() == 0


def test_what_was_paid_becomes_a_credit_that_is_refunded(a_loss, now):
    loan = a_loss()
    fee = Fee.objects.get()
    fees.settle_fee(fee_id=fee.id, how="paid", now=now)

    scan_copy(copy_id=loan.copy_id, now=now)
    assert Fee.objects.balance() == -4500
    with pytest.raises(InvalidFee):
        fees.settle_fee(fee_id=fee.id, how="paid", now=now)
    fees.settle_fee(fee_id=fee.id, how="refunded", now=now)

    assert Fee.objects.balance() == 0
    with pytest.raises(FeeClosed):
        fees.settle_fee(fee_id=fee.id, how="refunded", now=now)


def test_what_is_owed_is_not_refunded(a_loss, now):
    a_loss()

    with pytest.raises(InvalidFee):
        fees.settle_fee(fee_id=Fee.objects.get().id, how="refunded", now=now)


def test_what_was_waived_is_no_credit(a_loss, now):
    loan = a_loss()
    fees.settle_fee(fee_id=Fee.objects.get().id, how="waived", now=now)

    scan_copy(copy_id=loan.copy_id, now=now)

    assert Fee.objects.balance() == 0


def test_a_found_copy_is_paid_back_once_however_often_it_is_scanned(a_loss, now):
    loan = a_loss()

    scan_copy(copy_id=loan.copy_id, now=now)
    scan_copy(copy_id=loan.copy_id, now=now)

    assert Event.objects.filter(type="fee.reversed").count() == 1


def test_a_copy_that_is_lost_again_costs_again(a_loss, a_loan, now):
    first = a_loss()
    scan_copy(copy_id=first.copy_id, now=now)
    second = a_loan(copy_id=first.copy_id)

    lost.declare_lost(loan_id=second.loan_id, now=now)
    assert Fee.objects.balance() == 4500
    scan_copy(copy_id=first.copy_id, now=now)

    assert Fee.objects.balance() == 0


def test_a_found_copy_goes_to_who_waits(a_loss, a_book, a_copy, a_hold, now):
    loan = a_loss()
    other = a_copy(loan.book_id)
    a_hold(loan.book_id)
    second = a_hold(loan.book_id)
    assert Hold.objects.ready().get().copy_id == other

    scan_copy(copy_id=loan.copy_id, now=now)

    assert Hold.objects.get(id=second.hold_id).copy_id == loan.copy_id


def test_who_has_a_credit_is_not_erased_before_it_is_refunded(a_loss, now):
    loan = a_loss()
    fee = Fee.objects.get()
    fees.settle_fee(fee_id=fee.id, how="paid", now=now)
    scan_copy(copy_id=loan.copy_id, now=now)

    with pytest.raises(StillInUse) as refusal:
        erase_member(member_id=loan.member_id, now=now)

    assert refusal.value.facts["blockers"] == [fee.id]


def test_readers_are_shown_that_a_copy_is_lost_and_found(a_loss, now):
    loan = a_loss()
    fees.settle_fee(fee_id=Fee.objects.get().id, how="paid", now=now)
    read()
    assert Availability.objects.get().available == 0
    assert not DueLoan.objects.exists()
    assert Shelf.objects.history(loan.member_id).get().lost
    assert Profile.objects.get(member_id=loan.member_id).open_loans == 0

    scan_copy(copy_id=loan.copy_id, now=now)
    read()

    assert Availability.objects.get().available == 1
    assert Profile.objects.get(member_id=loan.member_id).balance == -4500


def read():
    sequencer.sequence_all()
    feed.catch_up_all()


# --- Said to be back ----------------------------------------------------------


def test_who_says_it_is_back_is_not_reminded_any_more(db, a_loan, now):
    loan = a_loan()

    lost.claim_returned(loan_id=loan.loan_id, now=now)
    start_of_day.run(now=DUE + SECOND)

    assert Loan.objects.get().overdue_at is None
    with pytest.raises(LoanNotLate):
        overdue.mark_overdue(loan_id=loan.loan_id, now=DUE + SECOND)


def test_what_is_said_to_be_back_does_not_keep_its_member_from_borrowing(
    costs, a_loan, a_member
):
    costs(overdue_limit=1)
    loan = a_loan()
    lost.claim_returned(loan_id=loan.loan_id, now=DUE)

    assert a_loan(member_id=loan.member_id, now=DUE + DAY)


def test_what_is_said_to_be_back_does_not_keep_its_member_from_waiting(
    costs, a_book, a_copy, a_loan, a_hold
):
    costs(overdue_limit=1)
    book_id = a_book()
    a_copy(book_id)
    loan = a_loan()
    lost.claim_returned(loan_id=loan.loan_id, now=DUE)

    assert a_hold(book_id, loan.member_id, now=DUE + DAY)


def test_what_is_said_to_be_back_is_not_renewed(db, a_loan, now):
    loan = a_loan()
    lost.claim_returned(loan_id=loan.loan_id, now=now)

    with pytest.raises(ReturnedByClaim):
        loans.renew_loan(loan_id=loan.loan_id, now=now)


def test_it_is_said_once(db, a_loan, now):
    loan = a_loan()
    lost.claim_returned(loan_id=loan.loan_id, now=now)

    with pytest.raises(AlreadyClaimed):
        lost.claim_returned(loan_id=loan.loan_id, now=now)
    loans.return_copy(copy_id=loan.copy_id, now=now)
    with pytest.raises(AlreadyReturned):
        lost.claim_returned(loan_id=loan.loan_id, now=now)


def test_missing_copies_and_those_said_to_be_back_are_looked_for(
    db, a_copy, a_loan, now
):
    missing, claimed, given_up = a_copy(), a_loan(), a_loan()
    a_copy()
    mark_copy(copy_id=missing, condition="missing", now=now)
    for loan in (claimed, given_up):
        lost.claim_returned(loan_id=loan.loan_id, now=now)
    lost.declare_lost(loan_id=given_up.loan_id, now=now)

    found = dict(lost.sought().values_list("id", "loan_id"))

    assert found == {missing: None, claimed.copy_id: claimed.loan_id}


def test_what_is_brought_after_all_is_looked_for_no_longer(costs, a_loan, now):
    costs()
    loan = a_loan()
    lost.claim_returned(loan_id=loan.loan_id, now=now)

    loans.return_copy(copy_id=loan.copy_id, now=DUE + SECOND)

    assert not lost.sought().exists()
    assert amounts() == {"overdue": 100}


def test_many_at_once_declare_one_copy_lost_once(committed_db, costs_now, a_loan, now):
    loan = a_loan()

    answers = at_once(8, lambda _: lost.declare_lost(loan_id=loan.loan_id, now=now))

    codes = [getattr(answer, "code", "lost") for answer in answers]
    assert sorted(codes) == ["already_lost"] * 7 + ["lost"]
    assert amounts() == {"lost": 6500}


def test_a_lost_copy_scanned_at_many_desks_at_once_is_paid_back_once(
    committed_db, costs_now, a_loan, now
):
    loan = a_loan()
    lost.declare_lost(loan_id=loan.loan_id, now=now)

    at_once(8, lambda _: scan_copy(copy_id=loan.copy_id, now=now))

    assert Event.objects.filter(type="fee.reversed").count() == 1
    assert Fee.objects.balance() == 0
