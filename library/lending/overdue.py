"""Mark loans whose time is over."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from library.advance import advance
from library.lending import loans
from library.lending.date_events import CopyOverdue
from library.lending.refusals import LoanNotLate
from outbox import gate


@transaction.atomic
def mark_overdue(*, loan_id: UUID, now: datetime) -> CopyOverdue:
    """
    Say that a loan should have come back: once for each due date.

    Raises UnknownLoan, AlreadyReturned, and LoanNotLate for one that is not late,
    was marked before, or is said to be back.
    """
    gate.enter()
    loan = loans.open_and_held(loan_id)
    if loan.due_at >= now or loan.overdue_at or loan.claimed_at:
        raise LoanNotLate(loan.id, loan.due_at)
    late = CopyOverdue(
        loan_id=loan.id,
        copy_id=loan.copy_id,
        book_id=loan.book_id,
        member_id=loan.member_id,
        branch_id=loan.branch_id,
        due_at=loan.due_at,
        overdue_at=now,
    )
    advance(late)
    return late
