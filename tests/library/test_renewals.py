"""Renewing a loan, in a librarian's words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from library.lending import loans
from library.lending.models import Loan
from library.lending.refusals import (
    AlreadyReturned,
    NotForLoan,
    RenewalsUsed,
    TooSoon,
    UnknownLoan,
)
from library.policies import policies
from tests.threads import at_once

DUE = datetime(2026, 3, 30, 23, 59, 59, tzinfo=UTC)


def test_a_loan_that_is_not_late_is_renewed_from_its_due_date(db, a_loan):
    loan = a_loan()

    renewed = loans.renew_loan(loan_id=loan.loan_id, now=DUE)

    row = Loan.objects.get()
    assert (renewed.due_before, renewed.renewals) == (DUE, 1)
    assert row.due_at == renewed.due_at == DUE + timedelta(days=28)
    assert row.renewals == 1


def test_a_loan_two_days_late_is_renewed_from_today(db, a_loan):
    loan = a_loan()

    renewed = loans.renew_loan(loan_id=loan.loan_id, now=DUE + timedelta(days=2))

    assert renewed.due_at == DUE + timedelta(days=2 + 28)


def test_a_renewal_ends_with_a_day_by_the_branchs_clocks(db, a_branch, a_copy, a_loan):
    london = a_branch(time_zone="Europe/London", closed_on=[date(2026, 4, 27)])
    loan = a_loan(copy_id=a_copy(branch_id=london))

    renewed = loans.renew_loan(loan_id=loan.loan_id, now=loan.due_at)

    assert loan.due_at == datetime(2026, 3, 30, 22, 59, 59, tzinfo=UTC)
    assert renewed.due_at == datetime(2026, 4, 28, 22, 59, 59, tzinfo=UTC)


def test_a_loan_is_renewed_up_to_the_limit_and_no_further(db, a_loan, now):
    policies.set_policy(name="all", renewal_limit=1, now=now)
    loan = a_loan()
    loans.renew_loan(loan_id=loan.loan_id, now=now)

    with pytest.raises(RenewalsUsed) as refusal:
        loans.renew_loan(loan_id=loan.loan_id, now=now)

    assert refusal.value.facts == {"renewals": 1, "limit": 1}


def test_a_loan_is_renewed_from_so_many_days_before_it_is_due(db, a_loan, now):
    policies.set_policy(name="all", renewable_days=5, now=now)
    loan = a_loan()
    soonest = datetime(2026, 3, 25, tzinfo=UTC)

    with pytest.raises(TooSoon) as refusal:
        loans.renew_loan(loan_id=loan.loan_id, now=soonest - timedelta(seconds=1))
    renewed = loans.renew_loan(loan_id=loan.loan_id, now=soonest)

    assert refusal.value.facts == {"soonest_on": soonest.date()}
    assert renewed.renewals == 1


def test_all_reasons_against_a_renewal_are_said_together(db, a_loan, now):
    loan = a_loan()
    nothing = {"loan_days": 0, "renewal_limit": 0, "renewable_days": 1}
    policies.set_policy(name="all", now=now, **nothing)

    with pytest.raises(NotForLoan) as refusal:
        loans.renew_loan(loan_id=loan.loan_id, now=now)

    assert [each.code for each in refusal.value.reasons] == [
        "not_for_loan",
        "renewals_used",
        "too_soon",
    ]


def test_only_an_open_loan_is_renewed(db, a_loan, now):
    loan = a_loan()
    loans.return_copy(copy_id=loan.copy_id, now=now)

    with pytest.raises(AlreadyReturned):
        loans.renew_loan(loan_id=loan.loan_id, now=now)
    with pytest.raises(UnknownLoan):
        loans.renew_loan(loan_id=uuid4(), now=now)


def test_many_renewals_at_once_stop_at_the_limit(committed_db, a_loan, now):
    loan = a_loan()

    answers = at_once(8, lambda _: loans.renew_loan(loan_id=loan.loan_id, now=now))

    codes = [getattr(answer, "code", "renewed") for answer in answers]
    assert sorted(codes) == ["renewals_used"] * 5 + ["renewed"] * 3
    assert Loan.objects.get().due_at == DUE + timedelta(days=3 * 28)


def test_a_renewal_and_a_return_at_once_take_turns(committed_db, a_loan, now):
    loan = a_loan()

    def act(number):
        if number % 2:
            return loans.renew_loan(loan_id=loan.loan_id, now=now)
        return loans.return_copy(copy_id=loan.copy_id, now=now)

    answers = at_once(2, act)

    codes = {getattr(answer, "code", "done") for answer in answers}
    assert codes <= {"done", "already_returned"}
    assert not Loan.objects.open().exists()
