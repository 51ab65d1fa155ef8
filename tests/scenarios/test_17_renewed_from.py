"""A loan 2 days overdue, renewed: from today; not overdue: from the old due date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from library.lending import loans


def test_a_late_loan_goes_on_from_today(db, a_loan):
    loan = a_loan()
    today = loan.due_at + timedelta(days=2)

    renewed = loans.renew_loan(loan_id=loan.loan_id, now=today)

    assert loan.due_at == datetime(2026, 3, 30, 23, 59, 59, tzinfo=UTC)
    assert renewed.due_at == datetime(2026, 4, 29, 23, 59, 59, tzinfo=UTC)


def test_any_other_goes_on_from_its_due_date(db, a_loan):
    loan = a_loan()

    renewed = loans.renew_loan(loan_id=loan.loan_id, now=loan.due_at)

    assert renewed.due_at == loan.due_at + timedelta(days=28)
