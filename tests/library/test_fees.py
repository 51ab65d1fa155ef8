"""Fees, in a librarian's words. Money is in the smallest unit there is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from library.accounts import fees
from library.accounts.models import Fee
from library.accounts.refusals import FeeClosed, InvalidFee, UnknownFee
from library.advance import advance
from library.catalog.calendars import ALWAYS_OPEN
from library.lending import loans
from library.lending.refusals import FeeLimit
from library.members.erasing import erase_member
from library.policies import policies
from library.refusals import StillInUse
from tests.threads import at_once

DUE = datetime(2026, 3, 30, 23, 59, 59, tzinfo=UTC)  # a Monday
SECOND = timedelta(seconds=1)


@pytest.fixture
def costs(db, now):
    """Say what a late day costs."""

    def set_policy(**numbers):
        policies.set_policy(name="fees", now=now, **{"fee_per_day": 100, **numbers})

    return set_policy


@pytest.fixture
def a_fee(costs, a_loan):
    """Have a loan come back a day late."""

    def make(**numbers):
        costs(**numbers)
        loan = a_loan()
        loans.return_copy(copy_id=loan.copy_id, now=DUE + SECOND)
        return Fee.objects.get(loan_id=loan.loan_id)

    return make


@pytest.mark.parametrize(
    ("numbers", "late", "amount"),
    [
        ({}, timedelta(), 0),
        ({}, SECOND, 100),
        ({}, timedelta(days=1), 100),
        ({}, timedelta(days=1) + SECOND, 200),
        ({"fee_grace_days": 2}, timedelta(days=2), 0),
        ({"fee_grace_days": 2}, timedelta(days=3), 300),
        ({"fee_maximum": 250}, timedelta(days=2), 200),
        ({"fee_maximum": 250}, timedelta(days=3), 250),
        ({"fee_per_day": 0}, timedelta(days=9), 0),
    ],
)
def test_a_late_return_costs_by_the_day(costs, a_loan, numbers, late, amount):
    costs(**numbers)
    loan = a_loan()

    loans.return_copy(copy_id=loan.copy_id, now=DUE + late)

    assert Fee.objects.balance() == amount


def test_days_on_which_the_branch_is_closed_are_free(costs, a_branch, a_copy, a_loan):
    costs()
    branch_id = a_branch(time_zone="Europe/London", closed_weekdays=[2, 3])
    loan = a_loan(copy_id=a_copy(branch_id=branch_id))

    # Back on Friday: late on Tuesday and Friday.
    loans.return_copy(copy_id=loan.copy_id, now=datetime(2026, 4, 3, 9, tzinfo=UTC))

    fee = Fee.objects.get()
    assert (fee.days_late, fee.amount) == (2, 200)


def test_who_renews_late_pays_for_the_days_before(costs, a_loan):
    costs()
    loan = a_loan()

    renewed = loans.renew_loan(loan_id=loan.loan_id, now=DUE + timedelta(days=2))
    loans.return_copy(copy_id=loan.copy_id, now=renewed.due_at + SECOND)

    amounts = Fee.objects.order_by("due_at").values_list("amount", flat=True)
    assert list(amounts) == [200, 100]


@pytest.mark.parametrize(
    ("back_at", "balance"), [(DUE, 0), (DUE + SECOND, 200)], ids=["in time", "late"]
)
def test_what_was_in_the_night_box_in_time_was_not_late_though_it_was_renewed(
    costs, a_loan, back_at, balance
):
    costs()
    loan = a_loan()
    renewed_at = DUE + timedelta(days=2)
    loans.renew_loan(loan_id=loan.loan_id, now=renewed_at)
    assert Fee.objects.balance() == 200

    loans.return_copy(
        copy_id=loan.copy_id, now=renewed_at + SECOND, returned_at=back_at
    )

    assert Fee.objects.balance() == balance


@pytest.mark.parametrize("how", ["paid", "waived"])
def test_a_fee_is_settled_once(a_fee, now, how):
    fee = a_fee()

    settled = fees.settle_fee(fee_id=fee.id, how=how, now=now)

    assert settled.amount == fee.amount
    assert Fee.objects.balance() == 0
    with pytest.raises(FeeClosed):
        fees.settle_fee(fee_id=fee.id, how=how, now=now)


def test_a_fee_is_settled_in_no_other_way(a_fee, now):
    with pytest.raises(InvalidFee):
        fees.settle_fee(fee_id=a_fee().id, how="forgotten", now=now)
    with pytest.raises(UnknownFee):
        fees.settle_fee(fee_id=uuid4(), how="paid", now=now)


def test_who_owes_too_much_gets_nothing_more_until_it_is_settled(a_fee, a_loan, now):
    fee = a_fee(fee_limit=100)

    with pytest.raises(FeeLimit) as refusal:
        a_loan(member_id=fee.member_id)
    fees.settle_fee(fee_id=fee.id, how="paid", now=now)

    assert refusal.value.facts == {"balance": 100, "limit": 100}
    assert a_loan(member_id=fee.member_id)


def test_who_owes_less_than_the_limit_may_borrow(a_fee, a_loan):
    fee = a_fee(fee_limit=101)

    assert a_loan(member_id=fee.member_id)


def test_who_owes_a_fee_is_not_erased(a_fee, now):
    fee = a_fee()

    with pytest.raises(StillInUse) as refusal:
        erase_member(member_id=fee.member_id, now=now)

    assert refusal.value.facts["blockers"] == [fee.id]


def test_one_missed_due_date_cannot_cost_twice(costs, a_loan):
    costs()
    loan = a_loan()
    loans.renew_loan(loan_id=loan.loan_id, now=DUE + SECOND)
    charged = fees.for_lateness(
        loan_id=loan.loan_id,
        member_id=loan.member_id,
        due_at=Fee.objects.get().due_at,
        policy=policies.for_loan(None, "reader", "book"),
        calendar=ALWAYS_OPEN,
        now=DUE + SECOND,
    )

    with pytest.raises(IntegrityError, match="once_per_due"), transaction.atomic():
        advance(charged)


def test_many_at_once_settle_a_fee_once(committed_db, a_loan, now):
    policies.set_policy(name="fees", now=now, fee_per_day=100)
    loan = a_loan()
    loans.return_copy(copy_id=loan.copy_id, now=DUE + SECOND)
    fee_id = Fee.objects.get().id

    answers = at_once(4, lambda _: fees.settle_fee(fee_id=fee_id, how="paid", now=now))

    codes = [getattr(answer, "code", "settled") for answer in answers]
    assert sorted(codes) == ["fee_closed"] * 3 + ["settled"]
