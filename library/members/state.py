"""How each fact changes the members' tables."""

from __future__ import annotations

from dataclasses import replace

from library.members.events import (
    CategoryDescribed,
    UserBlocked,
    UserErased,
    UserExtended,
    UserRegistered,
    UserUnblocked,
    UserUpdated,
)
from library.members.models import Category, Member
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
        keep_history=event.keep_history,
    )


@members.on(UserErased)
def _(row: Row, event: UserErased) -> Row:
    # Nobody is left who could wish for a history: what was borrowed is forgotten, too.
    return replace(
        row, muted=[], blocked=[], keep_history=False, erased_at=event.erased_at
    )


@members.on(UserBlocked)
def _(row: Row, event: UserBlocked) -> Row:
    return replace(row, blocked=sorted({*row.blocked, event.reason}))


@members.on(UserUnblocked)
def _(row: Row, event: UserUnblocked) -> Row:
    still = [each for each in row.blocked if each not in event.reasons]
    return replace(row, blocked=still)


@members.on(UserExtended)
def _(row: Row, event: UserExtended) -> Row:
    return replace(row, expires_on=event.expires_on)


categories = Fold(Category, key="code")


@categories.on(CategoryDescribed)
def _(row: Row | None, event: CategoryDescribed) -> Row:
    return categories.Row(code=event.code, name=event.name)


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
    "copy.sent",
    "copy.arrived",
    "book.lost",
    "return.claimed",
)
USERS = (
    "user.registered",
    "user.updated",
    "user.erased",
    "user.blocked",
    "user.unblocked",
    "user.extended",
)
members.ignore("category.described", *OTHERS)
categories.ignore(*USERS, *OTHERS)
