"""How much has each member borrowed, and what is open?"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from library.accounts.events import FeeCharged, FeeReversed, FeeSettled
from library.lending.copy_events import CopyLost
from library.lending.date_events import CopyDueChanged, CopyOverdue
from library.lending.events import (
    CopyBorrowed,
    CopyRenewed,
    CopyReturned,
)
from library.lending.hold_events import (
    HoldCancelled,
    HoldExpired,
    HoldPlaced,
)
from library.members.events import UserRegistered, UserUpdated
from outbox.folds import Fold, Row
from projections.tallies import Profile

profiles = Fold(Profile, key="member_id")


@profiles.on(UserRegistered)
def _(row: None, event: UserRegistered) -> Row:
    return profiles.Row(
        member_id=event.member_id,
        category=event.category,
        registered_at=event.registered_at,
    )


@profiles.on(UserUpdated)
def _(row: Row, event: UserUpdated) -> Row:
    return replace(row, category=event.category)


@profiles.on(CopyBorrowed)
def _(row: Row, event: CopyBorrowed) -> Row:
    return replace(
        row,
        books_borrowed=row.books_borrowed + 1,
        open_loans=row.open_loans + 1,
        open_holds=row.open_holds - bool(event.hold_id),
    )


@profiles.on(CopyOverdue)
def _(row: Row, event: CopyOverdue) -> Row:
    return replace(row, overdue=[*row.overdue, event.loan_id])


@profiles.on(CopyRenewed)
@profiles.on(CopyDueChanged)
def _(row: Row, event: CopyRenewed | CopyDueChanged) -> Row:
    return replace(row, overdue=_without(row, event.loan_id))


@profiles.on(CopyLost)
@profiles.on(CopyReturned)
def _(row: Row, event: CopyLost | CopyReturned) -> Row:
    late = _without(row, event.loan_id)
    return replace(row, open_loans=row.open_loans - 1, overdue=late)


@profiles.on(HoldPlaced)
def _(row: Row, event: HoldPlaced) -> Row:
    return replace(row, open_holds=row.open_holds + 1)


@profiles.on(HoldCancelled)
@profiles.on(HoldExpired)
def _(row: Row, event: HoldCancelled | HoldExpired) -> Row:
    return replace(row, open_holds=row.open_holds - 1)


@profiles.on(FeeCharged)
def _(row: Row, event: FeeCharged) -> Row:
    return replace(row, balance=row.balance + event.amount)


@profiles.on(FeeReversed)
@profiles.on(FeeSettled)
def _(row: Row, event: FeeReversed | FeeSettled) -> Row:
    return replace(row, balance=row.balance - event.amount)


def _without(row: Row, loan_id: UUID) -> list[UUID]:
    return [each for each in row.overdue if each != loan_id]


profiles.ignore("user.erased", "loan.forgotten", "hold.ready")
profiles.ignore("hold.suspended", "hold.resumed", "hold.moved")
profiles.ignore("book.due_soon", "hold.extended")
profiles.ignore("book.created", "book.updated", "book.deleted")
profiles.ignore("return.claimed")
profiles.ignore("copy.sent", "copy.arrived", "hold.requeued")
profiles.ignore("copy.added", "copy.moved", "copy.marked", "copy.removed")
profiles.ignore("user.blocked", "user.unblocked", "user.extended", "category.described")
profiles.ignore("branch.described", "policy.set", "titles.announced")
profiles.ignore("endpoint.failed", "endpoint.recovered", "endpoint.switched_off")
