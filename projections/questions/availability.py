"""How many copies of each book can be borrowed now?"""

from __future__ import annotations

from dataclasses import replace

from library.catalog.events import (
    BookCreated,
    BookDeleted,
    BookUpdated,
    CopyAdded,
    CopyMarked,
    CopyRemoved,
)
from library.lending.copy_events import CopyArrived, CopyLost, CopySent
from library.lending.events import (
    CopyBorrowed,
    CopyReturned,
)
from library.lending.hold_events import (
    HoldCancelled,
    HoldExpired,
    HoldReady,
    HoldRequeued,
)
from outbox.folds import Fold, Row
from projections.models import Availability

availability = Fold(Availability, key="book_id")


@availability.on(BookCreated)
def _(row: None, event: BookCreated) -> Row:
    return availability.Row(book_id=event.book_id, title=event.title)


@availability.on(BookUpdated)
def _(row: Row, event: BookUpdated) -> Row:
    return replace(row, title=event.title)


@availability.on(BookDeleted)
def _(row: Row, event: BookDeleted) -> Row:
    return replace(row, withdrawn_at=event.withdrawn_at)


@availability.on(CopyAdded)
def _(row: Row, event: CopyAdded) -> Row:
    return replace(row, copies=row.copies + 1)


@availability.on(CopyRemoved)
def _(row: Row, event: CopyRemoved) -> Row:
    marked = row.marked - bool(event.condition)
    return replace(row, copies=row.copies - 1, marked=marked)


@availability.on(CopyMarked)
def _(row: Row, event: CopyMarked) -> Row:
    return replace(
        row,
        marked=row.marked + bool(event.condition) - bool(event.before),
        in_transit=row.in_transit - bool(event.transit_id),
    )


@availability.on(CopySent)
def _(row: Row, event: CopySent) -> Row:
    return replace(row, in_transit=row.in_transit + 1)


@availability.on(CopyArrived)
def _(row: Row, event: CopyArrived) -> Row:
    return replace(row, in_transit=row.in_transit - 1)


@availability.on(CopyBorrowed)
def _(row: Row, event: CopyBorrowed) -> Row:
    return replace(
        row,
        on_loan=row.on_loan + 1,
        set_aside=row.set_aside - bool(event.hold_copy_id),
        in_transit=row.in_transit - bool(event.transit_id),
    )


@availability.on(CopyLost)
@availability.on(CopyReturned)
def _(row: Row, event: CopyLost | CopyReturned) -> Row:
    return replace(row, on_loan=row.on_loan - 1)


availability.ignore("fee.charged", "fee.settled")
availability.ignore("copy.moved", "return.claimed", "fee.reversed")
availability.ignore(
    "user.erased",
    "user.blocked",
    "user.unblocked",
    "user.extended",
    "category.described",
)
availability.ignore("book.overdue", "loan.forgotten")
availability.ignore("book.due_soon", "book.due_changed")
availability.ignore("hold.extended")
availability.ignore("user.registered", "user.updated")


@availability.on(HoldReady)
def _(row: Row, event: HoldReady) -> Row:
    return replace(row, set_aside=row.set_aside + 1)


@availability.on(HoldRequeued)
@availability.on(HoldCancelled)
@availability.on(HoldExpired)
def _(row: Row, event: HoldRequeued | HoldCancelled | HoldExpired) -> Row:
    return replace(row, set_aside=row.set_aside - 1) if event.copy_id else row


availability.ignore(
    "book.renewed", "hold.placed", "hold.suspended", "hold.resumed", "hold.moved"
)
availability.ignore("branch.described", "policy.set", "titles.announced")
availability.ignore("endpoint.failed", "endpoint.recovered", "endpoint.switched_off")
