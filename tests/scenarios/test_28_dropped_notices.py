"""
A notice is dropped when the loan has been closed before it went out; after a renewal a
new cycle of notices may go.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from library.lending import loans, start_of_day
from library.lending.conditions import mark_copy

NOTICES = ["loan_due_soon", "loan_overdue"]
SECOND = timedelta(seconds=1)


@pytest.fixture
def noticed(a_loan):
    """Lend a book, let the day come on which a notice is owed, and say when that is."""

    def lend(notice):
        loan = a_loan()
        days = {"loan_due_soon": loan.remind_at, "loan_overdue": loan.due_at + SECOND}
        start_of_day.run(now=days[notice])
        return loan, days[notice]

    return lend


@pytest.mark.parametrize("notice", NOTICES)
def test_a_notice_of_a_loan_that_was_closed_is_dropped(db, noticed, written, notice):
    loan, day = noticed(notice)
    assert len(written(notice)) == 1

    loans.return_copy(copy_id=loan.copy_id, now=day)

    assert written(notice) == []


@pytest.mark.parametrize("notice", NOTICES)
def test_after_a_renewal_a_new_cycle_of_notices_goes(db, noticed, written, notice):
    loan, day = noticed(notice)

    renewed = loans.renew_loan(loan_id=loan.loan_id, now=day)

    assert written(notice) == []
    start_of_day.run(now=renewed.remind_at)
    start_of_day.run(now=renewed.due_at + SECOND)
    (letter,) = written("loan_overdue")
    assert f"{renewed.due_at:%-d %B %Y}" in letter.body


def test_who_is_first_again_is_told_only_of_the_copy_that_is_there(
    db, a_book, a_copy, a_hold, written, now
):
    book_id = a_book()
    kept = a_copy(book_id)
    a_hold(book_id)
    mark_copy(copy_id=kept, condition="missing", now=now)

    a_copy(book_id, now=now + timedelta(days=1))

    (letter,) = written("hold_ready")
    assert "13 March 2026" in letter.body
