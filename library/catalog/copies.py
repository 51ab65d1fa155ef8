"""Add and remove copies."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from library import guards
from library.advance import advance
from library.catalog import rules
from library.catalog.events import CopyAdded, CopyRemoved
from library.catalog.models import Book, Branch, Copy
from library.catalog.refusals import BarcodeTaken, UnknownBranch
from library.locks import lock_value
from library.refusals import StillInUse
from outbox import gate
from outbox.ids import new_id


@transaction.atomic
def add_copy(
    *,
    book_id: UUID,
    barcode: str,
    now: datetime,
    branch_id: UUID | None = None,
    kind: str = "book",
) -> CopyAdded:
    """
    Put a copy of a book on the shelf, at home in a branch or in none.

    Raises UnknownBook, UnknownBranch, InvalidBarcode, InvalidKind, and
    BarcodeTaken.
    """
    gate.enter()
    book = Book.objects.lock(book_id)
    if branch_id and not Branch.objects.filter(id=branch_id).exists():
        raise UnknownBranch(branch_id)
    added = CopyAdded(
        copy_id=new_id(),
        book_id=book.id,
        barcode=_free_barcode(barcode),
        added_at=now,
        branch_id=branch_id,
        kind=rules.kind(kind),
    )
    advance(added)
    return added


@transaction.atomic
def remove_copy(*, copy_id: UUID, now: datetime) -> CopyRemoved:
    """
    Take a copy out of stock.

    Raises UnknownCopy, and StillInUse with the loan or hold that stands in the way.
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
