"""What each event says of where copies are: one place for all who ask."""

from __future__ import annotations

from functools import singledispatch
from typing import Any
from uuid import UUID

from library.catalog.events import CopyAdded, CopyMarked, CopyMoved, CopyRemoved
from library.lending.copy_events import CopyArrived, CopySent
from library.lending.events import CopyBorrowed, CopyReturned
from library.lending.hold_events import (
    HoldCancelled,
    HoldExpired,
    HoldReady,
    HoldRequeued,
)
from projections.models import Place

SHELF, LOAN, SET_ASIDE, IN_TRANSIT = (each.value for each in Place)

Change = dict[str, Any] | None
"""What becomes of a copy's `place` and `branch_id`; None: it is ours no longer."""


@singledispatch
def moves(event: object) -> dict[UUID, Change]:
    """Return what an event says of copies of its book, by their ids."""
    raise TypeError(f"{event!r} moves no copy")


@moves.register
def _(event: CopyAdded) -> dict[UUID, Change]:
    return {event.copy_id: {"place": SHELF, "branch_id": event.branch_id}}


@moves.register
def _(event: CopyMoved) -> dict[UUID, Change]:
    return {event.copy_id: {"branch_id": event.branch_id}}


@moves.register
def _(event: CopyMarked) -> dict[UUID, Change]:
    return {event.copy_id: {"place": event.condition or SHELF}}


@moves.register
def _(event: CopyRemoved) -> dict[UUID, Change]:
    return {event.copy_id: None}


@moves.register
def _(event: CopyBorrowed) -> dict[UUID, Change]:
    kept = {event.hold_copy_id: {"place": SHELF}} if event.hold_copy_id else {}
    return {**kept, event.copy_id: {"place": LOAN}}


@moves.register
def _(event: CopyReturned) -> dict[UUID, Change]:
    return {event.copy_id: {"place": SHELF}}


@moves.register
def _(event: CopySent) -> dict[UUID, Change]:
    return {event.copy_id: {"place": IN_TRANSIT}}


@moves.register
def _(event: CopyArrived) -> dict[UUID, Change]:
    return {event.copy_id: {"place": SHELF}}


@moves.register
def _(event: HoldReady) -> dict[UUID, Change]:
    return {event.copy_id: {"place": SET_ASIDE}}


@moves.register
def _(event: HoldRequeued | HoldCancelled | HoldExpired) -> dict[UUID, Change]:
    return {event.copy_id: {"place": SHELF}} if event.copy_id else {}


MOVES = tuple(each for each in moves.registry if each is not object)
