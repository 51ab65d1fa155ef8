"""Remember loans that are due soon."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from library.advance import advance
from library.lending import loans
from library.lending.date_events import CopyDueSoon
from library.lending.date_refusals import LoanNotDueSoon
from outbox import gate


@transaction.atomic
def remember(*, loan_id: UUID, now: datetime) -> CopyDueSoon:
    """
    Say that a loan is due soon: once for each due date, on a day that it knows.

    Raises UnknownLoan, AlreadyReturned, and LoanNotDueSoon before that day, after
    the due date, and where it was said before.
    """
    gate.enter()
    loan = loans.open_and_held(loan_id)
    if loan.remind_at is None or not loan.remind_at <= now <= loan.due_at:
        raise LoanNotDueSoon(loan.id, loan.due_at)
    soon = CopyDueSoon(
        loan_id=loan.id,
        copy_id=loan.copy_id,
        book_id=loan.book_id,
        member_id=loan.member_id,
        branch_id=loan.branch_id,
        due_at=loan.due_at,
        noticed_at=now,
    )
    advance(soon)
    return soon
