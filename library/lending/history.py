"""
What members once borrowed is forgotten, unless they wish it kept.

By the delay of the policy after its return; a loan for which a fee is owed waits until
it is settled. The log still knows its member by an id: docs/operations.md says more.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef

from library.accounts.models import Fee
from library.advance import advance
from library.catalog.models import Copy
from library.lending.events import LoanForgotten
from library.lending.models import Loan, LoanQuerySet
from library.lending.refusals import HistoryKept, UnknownLoan
from library.members.models import Member
from library.policies import policies
from outbox import gate


@transaction.atomic
def forget_borrower(*, loan_id: UUID, now: datetime) -> LoanForgotten:
    """
    Forget whose a loan was that is over.

    Locks the member, who may be wishing at this moment that it is kept, and the copy,
    whose stream goes on when it is lent. Raises UnknownLoan, also for one that was
    forgotten before, and HistoryKept.
    """
    gate.enter()
    member = Member.objects.select_for_update(no_key=True, of=("self",))
    member.filter(loans=loan_id).first()  # also one who was erased
    loan = Loan.objects.select_related("branch").filter(id=loan_id).first()
    if loan is None:
        raise UnknownLoan(loan_id)
    Copy.objects.lock_all([loan.copy_id])  # also one that was removed
    if not _forgettable(now, loan).filter(id=loan_id).exists():
        raise HistoryKept(loan_id)
    forgotten = LoanForgotten(
        loan_id=loan.id,
        copy_id=loan.copy_id,
        book_id=loan.book_id,
        branch_id=loan.branch_id,
        category=loan.category,
        kind=loan.kind,
        month=f"{loan.calendar.day_of(loan.borrowed_at):%Y-%m}",
        forgotten_at=now,
    )
    advance(forgotten)
    return forgotten


def to_forget(now: datetime) -> Iterator[UUID]:
    """Yield the loans that are to be forgotten by now."""
    over = Loan.objects.filter(returned_at__isnull=False, member__keep_history=False)
    alike = over.order_by().distinct("branch", "category", "kind")
    for loan in alike:
        rows = _forgettable(now, loan).order_by("returned_at", "id")
        yield from list(rows.values_list("id", flat=True))


def _forgettable(now: datetime, alike: Loan) -> LoanQuerySet:
    """Return what is to be forgotten of the loans to which the same policy applies."""
    policy = policies.for_loan(alike.branch_id, alike.category, alike.kind)
    owed = Fee.objects.open().filter(loan_id=OuterRef("pk"))
    return Loan.objects.filter(
        ~Exists(owed),
        branch=alike.branch_id,
        category=alike.category,
        kind=alike.kind,
        returned_at__lt=now - timedelta(days=policy.history_days),
        member__keep_history=False,
    )
