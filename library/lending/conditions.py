"""Mark copies that are missing or damaged, and those that are found or whole again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from library.advance import advance
from library.catalog import rules
from library.catalog.events import CopyMarked
from library.catalog.models import Book, Copy
from library.catalog.refusals import AlreadyMarked, UnknownCopy
from library.lending import holds
from library.lending.models import Hold, Loan
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

    kept = Hold.objects.ready().filter(copy=copy.id).first()
    marked = CopyMarked(
        copy_id=copy.id,
        book_id=copy.book_id,
        before=copy.condition,
        condition=condition,
        marked_at=now,
        hold_id=kept.id if kept else None,
    )
    advance(marked)
    holds.hand_out(book_id=copy.book_id, now=now)
    return marked


def held_with_book(copy_id: UUID) -> Copy:
    """Return a copy, its book locked first and then itself. Raises UnknownCopy."""
    book_id = (
        Copy.objects.live().filter(id=copy_id).values_list("book", flat=True).first()
    )
    if book_id is None:
        raise UnknownCopy(copy_id)
    Book.objects.lock(book_id)
    return Copy.objects.lock(copy_id)
