"""Add and remove copies."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from library import guards
from library.advance import advance
from library.catalog import rules
from library.catalog.events import CopyAdded, CopyRemoved
from library.catalog.models import Book, Copy
from library.catalog.refusals import BarcodeTaken, StillInUse
from library.locks import lock_value
from outbox import gate
from outbox.ids import new_id


@transaction.atomic
def add_copy(*, book_id: UUID, barcode: str, now: datetime) -> CopyAdded:
    """
    Put a copy of a book on the shelf.

    Raises UnknownBook, InvalidBarcode, and BarcodeTaken.
    """
    gate.enter()
    book = Book.objects.lock(book_id)
    added = CopyAdded(
        copy_id=new_id(),
        book_id=book.id,
        barcode=_free_barcode(barcode),
        added_at=now,
    )
    advance(added)
    return added


@transaction.atomic
def remove_copy(*, copy_id: UUID, now: datetime) -> CopyRemoved:
    """
    Take a copy out of stock.

    Raises UnknownCopy, and StillInUse with the loan that stands in the way.
    """
    gate.enter()
    copy = Copy.objects.lock(copy_id)
    blockers = guards.blocking("copy", copy.id)
    if blockers:
        raise StillInUse("copy", copy.id, blockers)

    removed = CopyRemoved(copy_id=copy.id, book_id=copy.book_id, removed_at=now)
    advance(removed)
    return removed


def _free_barcode(given: str) -> str:
    barcode = rules.barcode(given)
    lock_value("barcode", barcode)
    if Copy.objects.live().filter(barcode=barcode).exists():
        raise BarcodeTaken(barcode)
    return barcode
