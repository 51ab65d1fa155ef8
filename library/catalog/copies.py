"""Add, move and remove copies."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from library import consequences, guards
from library.advance import advance
from library.catalog import rules
from library.catalog.events import CopyAdded, CopyMoved, CopyRemoved
from library.catalog.models import Book, Branch, Copy
from library.catalog.refusals import BarcodeTaken, UnknownBranch, UnknownCopy
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
    price: int | None = None,
    restricted: bool = False,
) -> CopyAdded:
    """
    Put a copy of a book on the shelf, at home in a branch or in none, or set it aside.

    A restricted one is lent where the policy says so. `price` is in the smallest unit
    of money. Raises UnknownBook, UnknownBranch,
    InvalidBarcode, InvalidKind, InvalidPrice, and BarcodeTaken.
    """
    gate.enter()
    book = Book.objects.lock(book_id)
    _check_branch(branch_id)
    added = CopyAdded(
        copy_id=new_id(),
        book_id=book.id,
        barcode=_free_barcode(barcode),
        added_at=now,
        branch_id=branch_id,
        kind=rules.kind(kind),
        price=rules.price(price),
        restricted=restricted,
    )
    advance(added)
    consequences.of("copies_changed", book.id, now)
    return added


@transaction.atomic
def move_copy(
    *, copy_id: UUID, branch_id: UUID | None, now: datetime, kind: str | None = None
) -> CopyMoved:
    """
    Let a copy be at home in another branch, or in none; with `kind`, change that too.

    An open loan keeps its branch and due date. One that may be lent now goes to who
    waits. Locks the book, then the copy. Raises UnknownCopy, UnknownBranch and
    InvalidKind.
    """
    gate.enter()
    copy = held_with_book(copy_id)
    _check_branch(branch_id)
    moved = CopyMoved(
        copy_id=copy.id,
        book_id=copy.book_id,
        branch_before=copy.branch_id,
        branch_id=branch_id,
        kind_before=copy.kind,
        kind=copy.kind if kind is None else rules.kind(kind),
        moved_at=now,
    )
    advance(moved)
    consequences.of("copies_changed", copy.book_id, now)
    return moved


@transaction.atomic
def remove_copy(*, copy_id: UUID, now: datetime) -> CopyRemoved:
    """
    Take a copy out of stock.

    Locks the book, where somebody may be asking for it at this moment, then the copy.
    Raises UnknownCopy, and StillInUse with the loan or hold that stands in the way.
    """
    gate.enter()
    copy = held_with_book(copy_id)
    blockers = guards.blocking("copy", copy.id)
    if blockers:
        raise StillInUse("copy", copy.id, blockers)

    removed = CopyRemoved(
        copy_id=copy.id,
        book_id=copy.book_id,
        removed_at=now,
        condition=copy.condition,
    )
    advance(removed)
    return removed


def held_with_book(copy_id: UUID) -> Copy:
    """Return a copy, its book locked first and then itself. Raises UnknownCopy."""
    book_id = (
        Copy.objects.live().filter(id=copy_id).values_list("book", flat=True).first()
    )
    if book_id is None:
        raise UnknownCopy(copy_id)
    Book.objects.lock(book_id)
    return Copy.objects.lock(copy_id)


def _check_branch(branch_id: UUID | None) -> None:
    if branch_id and not Branch.objects.filter(id=branch_id).exists():
        raise UnknownBranch(branch_id)


def _free_barcode(given: str) -> str:
    barcode = rules.barcode(given)
    lock_value("barcode", barcode)
    if Copy.objects.live().filter(barcode=barcode).exists():
        raise BarcodeTaken(barcode)
    return barcode
