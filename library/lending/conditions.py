"""Mark copies that are missing or damaged, and those that are found or whole again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from library.accounts import fees
from library.accounts.events import FeeReversed
from library.advance import advance
from library.catalog import rules
from library.catalog.copies import held_with_book
from library.catalog.events import CopyMarked
from library.catalog.models import Copy
from library.catalog.refusals import AlreadyMarked
from library.lending import holds
from library.lending.models import Loan, Transit
from library.refusals import StillInUse
from outbox import gate

LOST = "lost"
GONE = (LOST, "missing")  # what is lost need not be missed


@transaction.atomic
def mark_copy(*, copy_id: UUID, condition: str, now: datetime) -> CopyMarked:
    """
    Say that a copy is missing or damaged, or with '' that nothing is wrong with it.

    A lost copy that is found costs its member nothing any more. Who was to have it
    waits again, in their old place; another copy that is free is
    set aside for them. Locks the book, then the copy. Raises UnknownCopy,
    InvalidCondition, AlreadyMarked, and StillInUse for a copy on loan: that is taken
    back, or declared lost.
    """
    gate.enter()
    copy = held_with_book(copy_id)
    if rules.mark(condition) == copy.condition or (copy.condition, condition) == GONE:
        raise AlreadyMarked(copy.id, copy.condition)
    if loan := Loan.objects.of_copy(copy.id):
        raise StillInUse("copy", copy.id, [loan.id])

    transit = Transit.objects.of_copy(copy.id)
    marked = CopyMarked(
        copy_id=copy.id,
        book_id=copy.book_id,
        before=copy.condition,
        condition=condition,
        marked_at=now,
        transit_id=transit.id if transit else None,
    )
    holds.take_back(copy.id, now)
    advance(marked, *_repaid(copy, now))
    holds.hand_out(book_id=copy.book_id, now=now)
    return marked


def found(copy: Copy, now: datetime) -> Copy:
    """Take the mark off a copy that somebody has in hand; both are locked."""
    marked = CopyMarked(
        copy_id=copy.id,
        book_id=copy.book_id,
        before=copy.condition,
        condition="",
        marked_at=now,
    )
    advance(marked, *_repaid(copy, now))
    return Copy.objects.lock(copy.id)


def _repaid(copy: Copy, now: datetime) -> list[FeeReversed]:
    """Return what the member who lost a copy no longer owes."""
    if copy.condition != LOST:
        return []
    lost = Loan.objects.filter(copy=copy, outcome=LOST).order_by("-returned_at", "-id")
    loan = lost.first()  # none, where history has forgotten it
    return fees.found_again(loan_id=loan.id, now=now) if loan else []
