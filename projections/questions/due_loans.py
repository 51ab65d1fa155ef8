"""Which copies have to come back, and when?"""

from __future__ import annotations

from dataclasses import replace

from library.lending.copy_events import CopyLost
from library.lending.date_events import CopyDueChanged
from library.lending.events import CopyBorrowed, CopyRenewed, CopyReturned
from outbox.folds import Fold, Row
from projections.models import DueLoan

due_loans = Fold(DueLoan, key="loan_id")


@due_loans.on(CopyBorrowed)
def _(row: None, event: CopyBorrowed) -> Row:
    return due_loans.Row(
        loan_id=event.loan_id,
        member_id=event.member_id,
        copy_id=event.copy_id,
        book_id=event.book_id,
        due_at=event.due_at,
    )


@due_loans.on(CopyRenewed)
@due_loans.on(CopyDueChanged)
def _(row: Row, event: CopyRenewed | CopyDueChanged) -> Row:
    return replace(row, due_at=event.due_at)


@due_loans.on(CopyLost)
@due_loans.on(CopyReturned)
def _(row: Row, event: CopyLost | CopyReturned) -> None:
    """Forget the loan: it is no longer anybody's worry."""


due_loans.ignore("fee.charged", "fee.settled")
due_loans.ignore(
    "user.erased",
    "user.blocked",
    "user.unblocked",
    "user.extended",
    "category.described",
)
due_loans.ignore("book.overdue", "loan.forgotten", "book.due_soon", "hold.extended")
due_loans.ignore("book.created", "book.updated", "book.deleted")
due_loans.ignore("return.claimed", "fee.reversed")
due_loans.ignore("copy.moved", "copy.marked", "copy.sent", "copy.arrived")
due_loans.ignore("copy.added", "copy.removed", "user.registered", "user.updated")
due_loans.ignore("branch.described", "policy.set", "titles.announced")
due_loans.ignore("endpoint.failed", "endpoint.recovered", "endpoint.switched_off")
due_loans.ignore("hold.requeued")
due_loans.ignore(
    "hold.placed",
    "hold.suspended",
    "hold.resumed",
    "hold.moved",
    "hold.ready",
    "hold.cancelled",
    "hold.expired",
)
