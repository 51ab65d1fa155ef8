"""How each fact changes the accounts."""

from __future__ import annotations

from dataclasses import replace

from library.accounts.events import FeeCharged, FeeReversed, FeeSettled
from library.accounts.models import Fee
from outbox.folds import Fold, Row

fees = Fold(Fee, key="fee_id")


@fees.on(FeeCharged)
def _(row: None, event: FeeCharged) -> Row:
    return fees.Row(
        id=event.fee_id,
        member_id=event.member_id,
        loan_id=event.loan_id,
        due_at=event.due_at,
        charged_at=event.charged_at,
        kind=event.kind,
        amount=event.amount,
        owed=event.amount,
        days_late=event.days_late,
    )


@fees.on(FeeSettled)
def _(row: Row, event: FeeSettled) -> Row:
    return replace(
        row,
        owed=row.owed - event.amount,
        settled_at=event.settled_at,
        settled_how=event.how,
    )


@fees.on(FeeReversed)
def _(row: Row, event: FeeReversed) -> Row:
    return replace(row, owed=row.owed - event.amount, reversed_at=event.reversed_at)


LENDING = (
    "book.borrowed",
    "book.renewed",
    "book.overdue",
    "loan.forgotten",
    "book.due_soon",
    "book.due_changed",
    "hold.extended",
    "book.returned",
    "copy.sent",
    "copy.arrived",
    "book.lost",
    "return.claimed",
    "hold.placed",
    "hold.suspended",
    "hold.resumed",
    "hold.moved",
    "hold.ready",
    "hold.requeued",
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
    "copy.marked",
    "copy.removed",
    "user.registered",
    "user.updated",
    "user.erased",
    "user.blocked",
    "user.unblocked",
    "user.extended",
    "category.described",
)
fees.ignore("policy.set", *LENDING, *OTHERS)
