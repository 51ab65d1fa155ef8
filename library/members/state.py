"""How each fact changes the members' tables."""

from __future__ import annotations

from dataclasses import replace

from library.members.events import UserErased, UserRegistered, UserUpdated
from library.members.models import Member
from outbox.folds import Fold, Row

members = Fold(Member, key="member_id")


@members.on(UserRegistered)
def _(row: None, event: UserRegistered) -> Row:
    return members.Row(
        id=event.member_id,
        category=event.category,
        language=event.language,
        registered_at=event.registered_at,
    )


@members.on(UserUpdated)
def _(row: Row, event: UserUpdated) -> Row:
    return replace(
        row,
        category=event.category,
        language=event.language,
        muted=list(event.muted),
        at_once=list(event.at_once),
    )


@members.on(UserErased)
def _(row: Row, event: UserErased) -> Row:
    return replace(row, muted=[], erased_at=event.erased_at)


OTHERS = (
    "fee.charged",
    "fee.settled",
    "book.overdue",
    "endpoint.failed",
    "endpoint.recovered",
    "endpoint.switched_off",
    "hold.placed",
    "hold.ready",
    "hold.cancelled",
    "hold.expired",
    "book.renewed",
    "book.created",
    "book.updated",
    "book.deleted",
    "branch.described",
    "policy.set",
    "titles.announced",
    "copy.added",
    "copy.moved",
    "copy.marked",
    "copy.removed",
    "book.borrowed",
    "book.returned",
)
members.ignore(*OTHERS)
