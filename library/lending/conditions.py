"""Mark copies that are missing or damaged, and those that are found or whole again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

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


@transaction.atomic
def mark_copy(*, copy_id: UUID, condition: str, now: datetime) -> CopyMarked:
    """
    Say that a copy is missing or damaged, or with '' that nothing is wrong with it.

    Who was to have it waits again, in their old place; another copy that is free is
    set aside for them. Locks the book, then the copy. Raises UnknownCopy,
    InvalidCondition, AlreadyMarked, and StillInUse for a copy on loan: that is taken
    back, or declared lost.
    """
    gate.enter()
    copy = held_with_book(copy_id)
    if rules.mark(condition) == copy.condition:
        raise AlreadyMarked(copy.id, condition)
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
    advance(marked)
    holds.hand_out(book_id=copy.book_id, now=now)
    return marked


def found(copy: Copy, now: datetime) -> Copy:
    """Take the mark off a copy that somebody has in hand; both are locked."""
    advance(
        CopyMarked(
            copy_id=copy.id,
            book_id=copy.book_id,
            before=copy.condition,
            condition="",
            marked_at=now,
        )
    )
    return Copy.objects.lock(copy.id)
