"""How each fact changes lending's tables."""

from __future__ import annotations

from dataclasses import replace

from library.lending.events import CopyBorrowed, CopyReturned
from library.lending.models import Loan
from outbox.folds import Fold, Row

loans = Fold(Loan, key="loan_id")


@loans.on(CopyBorrowed)
def _(row: None, event: CopyBorrowed) -> Row:
    return loans.Row(
        id=event.loan_id,
        copy_id=event.copy_id,
        book_id=event.book_id,
        member_id=event.member_id,
        borrowed_at=event.borrowed_at,
        due_at=event.due_at,
    )


@loans.on(CopyReturned)
def _(row: Row, event: CopyReturned) -> Row:
    return replace(row, returned_at=event.returned_at)


loans.ignore("book.created", "book.updated", "book.deleted")
loans.ignore("copy.added", "copy.removed", "user.registered", "user.updated")
