"""Copies that do not come back, and those whose members say that they did."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import OuterRef, Q, Subquery

from library.accounts import fees
from library.advance import advance
from library.catalog.events import CopyMarked
from library.catalog.models import Copy, CopyQuerySet
from library.lending import loans
from library.lending.copy_events import CopyLost, ReturnClaimed
from library.lending.copy_refusals import AlreadyClaimed
from library.lending.models import Loan
from library.policies import policies
from outbox import gate


@transaction.atomic
def declare_lost(*, loan_id: UUID, now: datetime) -> CopyLost:
    """
    Give a copy up: its loan is over, and costs its price and the work, once.

    Lateness is paid up to this day. Locks the book, then the copy. Raises
    UnknownLoan, AlreadyReturned and AlreadyLost.
    """
    gate.enter()
    loan = loans.open_and_held(loan_id)
    lost = CopyLost(
        loan_id=loan.id,
        copy_id=loan.copy_id,
        book_id=loan.book_id,
        member_id=loan.member_id,
        branch_id=loan.branch_id,
        lost_at=now,
    )
    marked = CopyMarked(
        copy_id=loan.copy_id,
        book_id=loan.book_id,
        before=loan.copy.condition,
        condition="lost",
        marked_at=now,
    )
    fee = fees.for_loss(
        loan_id=loan.id,
        member_id=loan.member_id,
        due_at=loan.due_at,
        price=loan.copy.price,
        policy=policies.for_loan(loan.branch_id, loan.member.category, loan.copy.kind),
        now=now,
    )
    advance(*loans.with_fee(lost, loan, now), marked, *([fee] if fee else []))
    return lost


@transaction.atomic
def claim_returned(*, loan_id: UUID, now: datetime) -> ReturnClaimed:
    """
    Note that a member says the copy came back: it is to be looked for.

    Nothing more is said of lateness; a return or a declared loss ends it. Locks the
    book, then the copy. Raises UnknownLoan, AlreadyReturned, AlreadyLost and
    AlreadyClaimed.
    """
    gate.enter()
    loan = loans.open_and_held(loan_id)
    if loan.claimed_at is not None:
        raise AlreadyClaimed(loan.id)
    claimed = ReturnClaimed(
        loan_id=loan.id,
        copy_id=loan.copy_id,
        book_id=loan.book_id,
        member_id=loan.member_id,
        claimed_at=now,
    )
    advance(claimed)
    return claimed


def sought() -> CopyQuerySet:
    """Return the copies to be looked for: missing ones, and those said to be back."""
    claimed = Loan.objects.open().filter(copy=OuterRef("pk"), claimed_at__isnull=False)
    copies = Copy.objects.live().annotate(loan_id=Subquery(claimed.values("id")[:1]))
    return copies.filter(Q(condition="missing") | Q(loan_id__isnull=False))
