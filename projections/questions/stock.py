"""Where is each copy: on its shelf, with a member, set aside, under way, or gone?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from uuid import UUID

from library.catalog.events import CopyAdded
from outbox.folds import Fold, Row
from projections.models import Place, Stock
from projections.questions.places import MOVES, moves

MARKS = ("missing", "damaged", "lost")

stock = Fold(Stock, key="copy_id")


def _copies(event: Any) -> list[UUID]:
    return list(moves(event))


def _moved(row: Row, event: Any, key: UUID) -> Row | None:
    change = moves(event)[key]
    if change is None:
        return None
    if isinstance(event, CopyAdded):
        return stock.Row(copy_id=key, book_id=event.book_id, **change)
    return replace(row, **change)


for each in MOVES:
    stock.on(each, keys=_copies)(_moved)


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


# What becomes of a lost copy is said by the mark that comes with it.
stock.ignore("book.lost", "return.claimed", "fee.reversed")
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
stock.ignore("book.due_soon", "book.due_changed", "hold.extended")
stock.ignore("fee.charged", "fee.settled")
stock.ignore("user.registered", "user.updated", "user.erased", "category.described")
stock.ignore("user.blocked", "user.unblocked", "user.extended")
stock.ignore("branch.described", "policy.set", "titles.announced")
stock.ignore("endpoint.failed", "endpoint.recovered", "endpoint.switched_off")
