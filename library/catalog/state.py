"""How each fact changes the catalogue's tables."""

from __future__ import annotations

from dataclasses import replace

from library.catalog.events import (
    BookCreated,
    BookDeleted,
    BookUpdated,
    BranchDescribed,
    CopyAdded,
    CopyMarked,
    CopyMoved,
    CopyRemoved,
)
from library.catalog.models import Book, Branch, Copy
from outbox.folds import Fold, Row

branches = Fold(Branch, key="branch_id")


@branches.on(BranchDescribed)
def _(row: Row | None, event: BranchDescribed) -> Row:
    return branches.Row(
        id=event.branch_id,
        name=event.name,
        time_zone=event.time_zone,
        closed_weekdays=list(event.closed_weekdays),
        closed_on=list(event.closed_on),
        described_at=event.described_at,
    )


books = Fold(Book, key="book_id")


@books.on(BookCreated)
def _(row: None, event: BookCreated) -> Row:
    return books.Row(
        id=event.book_id,
        title=event.title,
        authors=list(event.authors),
        isbn13=event.isbn13,
        isbn_given=event.isbn_given,
        language=event.language,
        year=event.year,
        subjects=list(event.subjects),
        source_key=event.source_key,
        created_at=event.created_at,
    )


@books.on(BookUpdated)
def _(row: Row, event: BookUpdated) -> Row:
    return replace(
        row,
        title=event.title,
        authors=list(event.authors),
        isbn13=event.isbn13,
        isbn_given=event.isbn_given,
        language=event.language,
        year=event.year,
        subjects=list(event.subjects),
    )


@books.on(BookDeleted)
def _(row: Row, event: BookDeleted) -> Row:
    return replace(row, withdrawn_at=event.withdrawn_at)


copies = Fold(Copy, key="copy_id")


@copies.on(CopyAdded)
def _(row: None, event: CopyAdded) -> Row:
    return copies.Row(
        id=event.copy_id,
        book_id=event.book_id,
        branch_id=event.branch_id,
        kind=event.kind,
        restricted=event.restricted,
        barcode=event.barcode,
        price=event.price,
        added_at=event.added_at,
    )


@copies.on(CopyMoved)
def _(row: Row, event: CopyMoved) -> Row:
    return replace(row, branch_id=event.branch_id, kind=event.kind)


@copies.on(CopyMarked)
def _(row: Row, event: CopyMarked) -> Row:
    return replace(row, condition=event.condition)


@copies.on(CopyRemoved)
def _(row: Row, event: CopyRemoved) -> Row:
    return replace(row, removed_at=event.removed_at)


BOOKS = ("book.created", "book.updated", "book.deleted")
COPIES = ("copy.added", "copy.moved", "copy.marked", "copy.removed")
OTHERS = (
    "fee.charged",
    "fee.settled",
    "fee.reversed",
    "book.overdue",
    "loan.forgotten",
    "book.due_soon",
    "book.due_changed",
    "hold.extended",
    "endpoint.failed",
    "endpoint.recovered",
    "endpoint.switched_off",
    "hold.placed",
    "hold.suspended",
    "hold.resumed",
    "hold.moved",
    "hold.ready",
    "hold.requeued",
    "hold.cancelled",
    "hold.expired",
    "book.renewed",
    "user.registered",
    "user.updated",
    "user.erased",
    "user.blocked",
    "user.unblocked",
    "user.extended",
    "category.described",
    "policy.set",
    "titles.announced",
    "book.borrowed",
    "book.returned",
    "copy.sent",
    "copy.arrived",
    "book.lost",
    "return.claimed",
)
branches.ignore(*BOOKS, *COPIES, *OTHERS)
books.ignore("branch.described", *COPIES, *OTHERS)
copies.ignore("branch.described", *BOOKS, *OTHERS)
