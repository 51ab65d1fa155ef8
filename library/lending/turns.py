"""
Give up one's turn for a while, take it up again, or get another place in the queue.

A suspended hold keeps its place and is passed over. Only who waits has a turn: a hold
for which a copy is set aside, or under way, has had it.
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from django.db import transaction

from library.advance import advance
from library.lending import hold_rules, holds
from library.lending.hold_events import HoldMoved, HoldResumed, HoldSuspended
from library.lending.hold_refusals import (
    HoldHasCopy,
    HoldNotSuspended,
    HoldThereAlready,
)
from library.lending.models import Hold
from outbox import gate


@transaction.atomic
def suspend_hold(
    *, hold_id: UUID, now: datetime, until: date | None = None
) -> HoldSuspended:
    """
    Pass a hold over, up to a day, by the clocks of where it is wanted, or (None) until
    it is resumed. Once more: with another day.

    Locks the book. Raises UnknownHold, HoldClosed, HoldHasCopy, and InvalidHold for a
    day that is not to come.
    """
    gate.enter()
    hold = _waiting_and_held(hold_id)
    suspended = HoldSuspended(
        hold_id=hold.id,
        book_id=hold.book_id,
        member_id=hold.member_id,
        suspended_at=now,
        resumes_at=hold_rules.resumes_at(hold.calendar, until, now),
    )
    advance(suspended)
    return suspended


@transaction.atomic
def resume_hold(*, hold_id: UUID, now: datetime) -> HoldResumed:
    """
    Want a book again; a copy that is free is set aside for whose turn it is.

    Locks the book, then its copies. Raises UnknownHold, HoldClosed, HoldHasCopy, and
    HoldNotSuspended.
    """
    gate.enter()
    hold = _waiting_and_held(hold_id)
    if hold.suspended_at is None:
        raise HoldNotSuspended(hold.id)
    return _resume(hold, now)


@transaction.atomic
def resume_in_time(*, hold_id: UUID, now: datetime) -> HoldResumed:
    """
    Resume a hold whose day has come; its member may just have named another.

    Locks and raises as `resume_hold` does.
    """
    gate.enter()
    hold = _waiting_and_held(hold_id)
    if hold.resumes_at is None or hold.resumes_at > now:
        raise HoldNotSuspended(hold.id)
    return _resume(hold, now)


@transaction.atomic
def move_hold(*, hold_id: UUID, position: int, now: datetime) -> HoldMoved:
    """
    Give a hold another place in its queue; those behind it are said anew.

    Locks the book. Raises UnknownHold, HoldClosed, HoldHasCopy, HoldThereAlready, and
    InvalidHold for a place there is not.
    """
    gate.enter()
    hold = _waiting_and_held(hold_id)
    queue = {each.id: each for each in Hold.objects.waiting(hold.book_id)}
    order = hold_rules.moved(list(queue), hold.id, position)
    if list(queue).index(hold.id) == position - 1:
        raise HoldThereAlready(hold.id, position)
    # Numbers that nobody had: no two are alike, not even in between.
    first = holds.next_number(hold.book_id)
    facts = [
        HoldMoved(
            hold_id=each,
            book_id=hold.book_id,
            member_id=queue[each].member_id,
            number=number,
            moved_at=now,
        )
        for number, each in enumerate(order, start=first)
    ]
    advance(*facts)
    return facts[0]


def _waiting_and_held(hold_id: UUID) -> Hold:
    hold = holds.open_and_held(hold_id)
    if hold.copy_id is not None:
        raise HoldHasCopy(hold.id, hold.copy_id)
    return hold


def _resume(hold: Hold, now: datetime) -> HoldResumed:
    resumed = HoldResumed(
        hold_id=hold.id,
        book_id=hold.book_id,
        member_id=hold.member_id,
        resumed_at=now,
    )
    advance(resumed)
    holds.hand_out(book_id=hold.book_id, now=now)
    return resumed
