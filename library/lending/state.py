"""How each fact changes lending's tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from library.catalog.events import CopyMarked
from library.lending.copy_events import (
    CopyArrived,
    CopyLost,
    CopySent,
    ReturnClaimed,
)
from library.lending.date_events import (
    CopyDueChanged,
    CopyDueSoon,
    CopyOverdue,
    HoldExtended,
)
from library.lending.events import (
    CopyBorrowed,
    CopyRenewed,
    CopyReturned,
    LoanForgotten,
)
from library.lending.hold_events import (
    HoldCancelled,
    HoldExpired,
    HoldMoved,
    HoldPlaced,
    HoldReady,
    HoldRequeued,
    HoldResumed,
    HoldSuspended,
)
from library.lending.models import Hold, Loan, PastLoan, Transit
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
        branch_id=event.branch_id,
        due_at=event.due_at,
        shortened=event.shortened,
        category=event.category,
        kind=event.kind,
        remind_at=event.remind_at,
    )


@loans.on(CopyRenewed)
def _(row: Row, event: CopyRenewed) -> Row:
    return replace(
        row,
        due_at=event.due_at,
        shortened=event.shortened,
        renewals=event.renewals,
        remind_at=event.remind_at,
        overdue_at=None,
    )


@loans.on(CopyDueSoon)
def _(row: Row, event: CopyDueSoon) -> Row:
    return replace(row, remind_at=None)


@loans.on(CopyDueChanged)
def _(row: Row, event: CopyDueChanged) -> Row:
    return replace(
        row,
        due_at=event.due_at,
        shortened=event.shortened,
        remind_at=event.remind_at,
        overdue_at=None,
    )


@loans.on(CopyOverdue)
def _(row: Row, event: CopyOverdue) -> Row:
    return replace(row, remind_at=None, overdue_at=event.overdue_at)


@loans.on(CopyReturned)
def _(row: Row, event: CopyReturned) -> Row:
    return _over(row, event.returned_at, "returned")


@loans.on(CopyLost)
def _(row: Row, event: CopyLost) -> Row:
    return _over(row, event.lost_at, "lost")


@loans.on(ReturnClaimed)
def _(row: Row, event: ReturnClaimed) -> Row:
    return replace(row, claimed_at=event.claimed_at)


def _over(row: Row, at: datetime, outcome: str) -> Row:
    """End a loan: nobody is late with it any more."""
    return replace(
        row, returned_at=at, outcome=outcome, overdue_at=None, claimed_at=None
    )


@loans.on(LoanForgotten)
def _(row: Row, event: LoanForgotten) -> None:
    """Forget it: nobody can ask any more whose it was."""


past_loans = Fold(PastLoan, key="loan_id")


@past_loans.on(LoanForgotten)
def _(row: None, event: LoanForgotten) -> Row:
    return past_loans.Row(
        id=event.loan_id,
        branch_id=event.branch_id,
        category=event.category,
        kind=event.kind,
        month=event.month,
    )


holds = Fold(Hold, key="hold_id")


def _hold(event: CopyBorrowed | CopySent) -> list[UUID]:
    return [event.hold_id] if event.hold_id else []


@holds.on(HoldPlaced)
def _(row: None, event: HoldPlaced) -> Row:
    return holds.Row(
        id=event.hold_id,
        book_id=event.book_id,
        member_id=event.member_id,
        number=event.number,
        placed_at=event.placed_at,
        wanted_copy_id=event.copy_id,
        ends_at=event.ends_at,
        holds_left=event.holds_left,
        pickup_branch_id=event.pickup_branch_id,
    )


@holds.on(HoldReady)
def _(row: Row, event: HoldReady) -> Row:
    return replace(
        row,
        copy_id=event.copy_id,
        branch_id=event.branch_id,
        ready_at=event.ready_at,
        pickup_until=event.pickup_until,
    )


@holds.on(HoldSuspended)
def _(row: Row, event: HoldSuspended) -> Row:
    return replace(row, suspended_at=event.suspended_at, resumes_at=event.resumes_at)


@holds.on(HoldResumed)
def _(row: Row, event: HoldResumed) -> Row:
    return replace(row, suspended_at=None, resumes_at=None)


@holds.on(HoldMoved)
def _(row: Row, event: HoldMoved) -> Row:
    return replace(row, number=event.number)


@holds.on(HoldExtended)
def _(row: Row, event: HoldExtended) -> Row:
    return replace(row, pickup_until=event.pickup_until)


@holds.on(HoldCancelled)
def _(row: Row, event: HoldCancelled) -> Row:
    return _closed(row, event.cancelled_at, "cancelled")


@holds.on(HoldExpired)
def _(row: Row, event: HoldExpired) -> Row:
    return _closed(row, event.expired_at, "expired")


@holds.on(CopyBorrowed, keys=_hold)
def _(row: Row, event: CopyBorrowed, key: UUID) -> Row:
    return _closed(row, event.borrowed_at, "fulfilled")


@holds.on(CopySent, keys=_hold)
def _(row: Row, event: CopySent, key: UUID) -> Row:
    return replace(row, copy_id=event.copy_id)


@holds.on(HoldRequeued)
def _(row: Row, event: HoldRequeued) -> Row:
    return replace(row, copy_id=None, branch_id=None, ready_at=None, pickup_until=None)


def _closed(row: Row, at: datetime, outcome: str) -> Row:
    return replace(row, closed_at=at, outcome=outcome)


transits = Fold(Transit, key="transit_id")


def _transit(event: CopyBorrowed | CopyMarked) -> list[UUID]:
    return [event.transit_id] if event.transit_id else []


@transits.on(CopySent)
def _(row: None, event: CopySent) -> Row:
    return transits.Row(
        id=event.transit_id,
        copy_id=event.copy_id,
        from_branch_id=event.from_branch_id,
        to_branch_id=event.to_branch_id,
        sent_at=event.sent_at,
    )


@transits.on(CopyArrived)
def _(row: Row, event: CopyArrived) -> None:
    """Forget the way: it has come to its end."""


@transits.on(CopyBorrowed, keys=_transit)
@transits.on(CopyMarked, keys=_transit)
def _(row: Row, event: CopyBorrowed | CopyMarked, key: UUID) -> None:
    """Forget the way: the copy went home with somebody, or is sought."""


FEES = ("fee.charged", "fee.settled", "fee.reversed")
LOST = ("book.lost", "return.claimed")
LOANS = (
    "book.borrowed",
    "book.renewed",
    "book.due_soon",
    "book.due_changed",
    "book.overdue",
    "book.returned",
)
HOLDS = (
    "hold.suspended",
    "hold.resumed",
    "hold.moved",
    "hold.placed",
    "hold.ready",
    "hold.requeued",
    "hold.extended",
    "hold.cancelled",
    "hold.expired",
)
OTHERS = (
    "endpoint.failed",
    "endpoint.recovered",
    "endpoint.switched_off",
    "branch.described",
    "titles.announced",
    "book.created",
    "book.updated",
    "book.deleted",
    "copy.added",
    "copy.moved",
    "copy.removed",
    "user.registered",
    "user.updated",
    "user.erased",
    "user.blocked",
    "user.unblocked",
    "user.extended",
    "category.described",
)
TRANSITS = ("copy.sent", "copy.arrived")
past_loans.ignore("copy.marked", *TRANSITS, "policy.set", *FEES, *LOANS, *HOLDS)
past_loans.ignore(*LOST, *OTHERS)
loans.ignore("copy.marked", "policy.set", *FEES, *HOLDS, *TRANSITS, *OTHERS)
holds.ignore(*FEES, *LOST, "book.overdue", "copy.marked", "copy.arrived")
holds.ignore("book.due_soon", "book.due_changed")
holds.ignore("policy.set", "loan.forgotten", "book.renewed", "book.returned", *OTHERS)
transits.ignore(
    *LOST, *FEES, *HOLDS, *LOANS[1:], "loan.forgotten", "policy.set", *OTHERS
)
