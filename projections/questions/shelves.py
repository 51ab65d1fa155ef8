"""What does each member have at home, and what did they have before?"""

from __future__ import annotations

from dataclasses import replace

from library.lending.copy_events import CopyLost
from library.lending.date_events import CopyDueChanged
from library.lending.events import (
    CopyBorrowed,
    CopyRenewed,
    CopyReturned,
    LoanForgotten,
)
from outbox.folds import Fold, Row
from projections.models import Shelf

shelves = Fold(Shelf, key="loan_id")


@shelves.on(CopyBorrowed)
def _(row: None, event: CopyBorrowed) -> Row:
    return shelves.Row(
        loan_id=event.loan_id,
        member_id=event.member_id,
        copy_id=event.copy_id,
        book_id=event.book_id,
        borrowed_at=event.borrowed_at,
        due_at=event.due_at,
    )


@shelves.on(CopyRenewed)
@shelves.on(CopyDueChanged)
def _(row: Row, event: CopyRenewed | CopyDueChanged) -> Row:
    return replace(row, due_at=event.due_at)


@shelves.on(CopyReturned)
def _(row: Row, event: CopyReturned) -> Row:
    return replace(row, returned_at=event.returned_at)


@shelves.on(LoanForgotten)
def _(row: Row, event: LoanForgotten) -> None:
    """Forgotten: nobody has it in their history any more."""


@shelves.on(CopyLost)
def _(row: Row, event: CopyLost) -> Row:
    return replace(row, returned_at=event.lost_at, lost=True)


shelves.ignore("fee.charged", "fee.settled")
shelves.ignore(
    "user.erased",
    "user.blocked",
    "user.unblocked",
    "user.extended",
    "category.described",
)
shelves.ignore("book.overdue", "book.due_soon", "hold.extended")
shelves.ignore("book.created", "book.updated", "book.deleted")
shelves.ignore("return.claimed", "fee.reversed")
shelves.ignore("copy.moved", "copy.marked", "copy.sent", "copy.arrived")
shelves.ignore("copy.added", "copy.removed", "user.registered", "user.updated")
shelves.ignore("branch.described", "policy.set", "titles.announced")
shelves.ignore("endpoint.failed", "endpoint.recovered", "endpoint.switched_off")
shelves.ignore("hold.requeued")
shelves.ignore(
    "hold.placed",
    "hold.suspended",
    "hold.resumed",
    "hold.moved",
    "hold.ready",
    "hold.cancelled",
    "hold.expired",
)
