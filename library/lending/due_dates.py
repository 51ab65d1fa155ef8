"""Change when a loan is due: the desk does, one loan at a time."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from django.db import transaction

from library.advance import advance
from library.lending import loans, rules
from library.lending.date_events import CopyDueChanged
from library.lending.date_refusals import DueThenAlready
from library.lending.models import Loan
from library.policies import policies
from outbox import gate
from outbox.ids import new_id

DESK, CLOSED = "desk", "closed"  # why


@transaction.atomic
def change_due_date(*, loan_id: UUID, due_on: date, now: datetime) -> CopyDueChanged:
    """
    Let a loan be due at the end of a day, or of the next open one; late no more.

    It is shortened where the membership ends sooner. Locks the member, the book, then
    the copy. Raises UnknownLoan, AlreadyReturned, BranchNeverOpens, InvalidDueDate
    for a day that is over, and DueThenAlready.
    """
    gate.enter()
    member = loans.borrower(loan_id)
    loan = loans.open_and_held(loan_id)
    due = rules.changed_due_date(loan.calendar, due_on, now, member.expires_on)
    if due.at == loan.due_at:
        raise DueThenAlready(loan.id, due.at)
    changed = changed_to(due, loan, why=DESK, notice_id=new_id(), now=now)
    advance(changed)
    return changed


def changed_to(
    due: rules.Due, loan: Loan, *, why: str, notice_id: UUID, now: datetime
) -> CopyDueChanged:
    """Return that a loan, which is held still, is due at another time."""
    policy = policies.for_loan(loan.branch_id, loan.member.category, loan.copy.kind)
    return CopyDueChanged(
        loan_id=loan.id,
        copy_id=loan.copy_id,
        book_id=loan.book_id,
        member_id=loan.member_id,
        branch_id=loan.branch_id,
        changed_at=now,
        due_before=loan.due_at,
        due_at=due.at,
        why=why,
        shortened=due.shortened,
        notice_id=notice_id,
        remind_at=rules.remind_at(policy, loan.calendar, due.at, now),
    )
