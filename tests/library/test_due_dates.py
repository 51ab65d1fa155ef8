"""Due dates that change, in a librarian's words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from library.catalog import branches
from library.catalog.refusals import BranchNeverOpens
from library.lending import due_dates, loans, start_of_day
from library.lending.date_refusals import DueThenAlready, InvalidDueDate
from library.lending.models import Loan
from library.lending.refusals import AlreadyReturned, UnknownLoan
from library.members import membership

DUE = datetime(2026, 3, 30, 23, 59, 59, tzinfo=UTC)
EVERY_DAY = range(7)


def change(loan, due_on, now):
    return due_dates.change_due_date(
        loan_id=loan.loan_id, due_on=date.fromisoformat(due_on), now=now
    )


def test_the_desk_lets_a_loan_be_due_on_another_day(db, a_loan, now):
    changed = change(a_loan(), "2026-04-10", now)

    assert (changed.due_before, changed.why) == (DUE, "desk")
    loan = Loan.objects.get()
    assert loan.due_at == datetime(2026, 4, 10, 23, 59, 59, tzinfo=UTC)
    assert loan.remind_at == datetime(2026, 4, 5, tzinfo=UTC)


def test_it_is_due_with_an_open_day_by_the_clocks_of_its_branch(
    db, a_branch, a_copy, a_loan, now
):
    chicago = a_branch(time_zone="America/Chicago", closed_weekdays=[5, 6])
    loan = a_loan(copy_id=a_copy(branch_id=chicago))

    changed = change(loan, "2026-03-07", now)  # a Saturday; clocks change on Sunday

    assert changed.due_at == datetime(2026, 3, 10, 4, 59, 59, tzinfo=UTC)


def test_it_may_be_today_but_no_day_that_is_over(db, a_loan, now):
    loan = a_loan()

    with pytest.raises(InvalidDueDate):
        change(loan, "2026-03-01", now)
    assert change(loan, "2026-03-02", now).due_at > now


@pytest.mark.parametrize("far", ["2036-03-01", "9999-12-31"])
def test_nor_one_that_is_years_away(db, a_loan, now, far):
    with pytest.raises(InvalidDueDate):
        change(a_loan(), far, now)


def test_a_late_loan_that_is_due_later_is_late_no_more(db, a_loan):
    loan, later = a_loan(), DUE + timedelta(days=3)
    start_of_day.run(now=later)
    assert Loan.objects.get().overdue_at

    change(loan, "2026-04-05", later)

    assert Loan.objects.get().overdue_at is None


def test_what_is_due_then_already_or_closed_or_unknown_is_not_changed(db, a_loan, now):
    loan = a_loan()
    unknown = due_dates.change_due_date

    with pytest.raises(DueThenAlready):
        change(loan, "2026-03-30", now)
    with pytest.raises(UnknownLoan):
        unknown(loan_id=uuid4(), due_on=DUE.date(), now=now)
    loans.return_copy(copy_id=loan.copy_id, now=now)
    with pytest.raises(AlreadyReturned):
        change(loan, "2026-04-10", now)


def test_a_branch_that_never_opens_has_no_due_dates(db, a_branch, a_copy, a_loan, now):
    branch_id = a_branch()
    loan = a_loan(copy_id=a_copy(branch_id=branch_id))
    branches.describe_branch(
        branch_id=branch_id,
        name="Closed",
        time_zone="Asia/Tashkent",
        closed_weekdays=EVERY_DAY,
        now=now,
    )

    with pytest.raises(BranchNeverOpens):
        change(loan, "2026-04-10", now)


def test_it_is_due_before_the_membership_ends(db, a_loan, a_member, now):
    member_id = a_member()
    loan = a_loan(member_id=member_id)
    membership.extend_membership(member_id=member_id, until=date(2026, 4, 3), now=now)

    changed = change(loan, "2026-04-10", now)

    assert changed.shortened
    assert changed.due_at.date() == date(2026, 4, 3)


def test_but_a_membership_that_is_over_makes_nothing_due_in_the_past(
    db, a_loan, a_member, now
):
    member_id = a_member()
    loan = a_loan(member_id=member_id)
    membership.extend_membership(member_id=member_id, until=date(2026, 3, 3), now=now)

    changed = change(loan, "2026-04-10", DUE)

    assert changed.due_at.date() == date(2026, 4, 10)
