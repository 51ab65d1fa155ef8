"""Where is each copy: on its shelf, with a member, set aside, under way, or gone?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from uuid import UUID

from library.catalog.events import CopyAdded, CopyMarked, CopyMoved, CopyRemoved
from library.lending.events import (
    CopyArrived,
    CopyBorrowed,
    CopyReturned,
    CopySent,
)
from library.lending.hold_events import (
    HoldCancelled,
    HoldExpired,
    HoldReady,
    HoldRequeued,
)
from outbox.folds import Fold, Row
from projections.models import Place, Stock

MARKS = ("missing", "damaged", "lost")

stock = Fold(Stock, key="copy_id")


@stock.on(CopyAdded)
def _(row: None, event: CopyAdded) -> Row:
    return stock.Row(
        copy_id=event.copy_id,
        book_id=event.book_id,
        branch_id=event.branch_id,
        place=Place.SHELF.value,
    )


@stock.on(CopyMoved)
def _(row: Row, event: CopyMoved) -> Row:
    return replace(row, branch_id=event.branch_id)


@stock.on(CopyMarked)
def _(row: Row, event: CopyMarked) -> Row:
    return replace(row, place=event.condition or Place.SHELF.value)


@stock.on(CopyRemoved)
def _(row: Row, event: CopyRemoved) -> None:
    """No longer ours."""


def _moved(event: CopyBorrowed) -> list[UUID]:
    """Return what was lent, and what was set aside in its place."""
    return sorted({event.copy_id, event.hold_copy_id or event.copy_id})


@stock.on(CopyBorrowed, keys=_moved)
def _(row: Row, event: CopyBorrowed, key: UUID) -> Row:
    place = Place.LOAN if key == event.copy_id else Place.SHELF
    return replace(row, place=place.value)


@stock.on(CopyReturned)
def _(row: Row, event: CopyReturned) -> Row:
    return replace(row, place=Place.SHELF.value)


@stock.on(CopySent)
def _(row: Row, event: CopySent) -> Row:
    return replace(row, place=Place.IN_TRANSIT.value)


@stock.on(CopyArrived)
def _(row: Row, event: CopyArrived) -> Row:
    return replace(row, place=Place.SHELF.value)


@stock.on(HoldReady)
def _(row: Row, event: HoldReady) -> Row:
    return replace(row, place=Place.SET_ASIDE.value)


def _kept(event: HoldRequeued | HoldCancelled | HoldExpired) -> list[UUID]:
    return [event.copy_id] if event.copy_id else []


@stock.on(HoldRequeued, keys=_kept)
@stock.on(HoldCancelled, keys=_kept)
@stock.on(HoldExpired, keys=_kept)
def _(row: Row, event: HoldRequeued | HoldCancelled | HoldExpired, key: UUID) -> Row:
    return replace(row, place=Place.SHELF.value)


def by_branch(copies: Iterable[Stock]) -> list[dict[str, Any]]:
    """Count the copies of a book by branch, those of no branch first."""
    places: dict[UUID | None, Counter[str]] = defaultdict(Counter)
    for copy in copies:
        places[copy.branch_id][copy.place] += 1
    return [
        {
            "branch_id": branch_id,
            "copies": places[branch_id].total(),
            "on_loan": places[branch_id][Place.LOAN],
            "set_aside": places[branch_id][Place.SET_ASIDE],
            "in_transit": places[branch_id][Place.IN_TRANSIT],
            "marked": sum(places[branch_id][each] for each in MARKS),
            "available": places[branch_id][Place.SHELF],
        }
        for branch_id in sorted(places, key=lambda each: str(each or ""))
    ]


stock.ignore("book.created", "book.updated", "book.deleted")
stock.ignore(
    "book.renewed",
    "book.overdue",
    "loan.forgotten",
    "hold.placed",
    "hold.suspended",
    "hold.resumed",
    "hold.moved",
)
stock.ignore("fee.charged", "fee.settled")
stock.ignore("user.registered", "user.updated", "user.erased", "category.described")
stock.ignore("user.blocked", "user.unblocked", "user.extended")
stock.ignore("branch.described", "policy.set", "titles.announced")
stock.ignore("endpoint.failed", "endpoint.recovered", "endpoint.switched_off")
