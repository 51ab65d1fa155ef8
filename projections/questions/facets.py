"""
What a book counts for in a search: its authors, its subjects and its branches.

Each is a number, so that those of 10,000 books are counted as fast as numbers can be;
what a number stands for is a row of its own. The last bits say which facet it is of.
Its language and its year are what they are, one each: see `finding.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

from library.catalog.events import BookCreated, BookUpdated, CopyAdded, CopyMoved
from outbox.folds import Fold, Row
from projections.models import FacetValue
from projections.questions.places import MOVES

KINDS = ("author", "subject", "branch")
BITS = 7  # of a code, for its kind


def code(kind: str, value: object) -> int:
    """Return the number that stands for a value; the same one for ever."""
    digest = blake2b(f"{kind}:{value}".encode(), digest_size=8).digest()
    number = int.from_bytes(digest, "big", signed=True)
    return (number & ~BITS) | KINDS.index(kind)


def described(book: Any) -> Iterator[tuple[str, object]]:
    """Yield what is said of a book, by a fact or in a row."""
    yield from (("author", each) for each in book.authors)
    yield from (("subject", each) for each in book.subjects)


def codes(row: Row) -> list[int]:
    """Return all that a book counts for, by its row in the search."""
    found = {code(*each) for each in described(row)}
    return sorted(found | {code("branch", each) for each in branches(row) if each})


def branches(row: Row) -> set[str]:
    """Return where a book has copies, by its row in the search; '' is no branch."""
    return {branch for _, branch, _ in row.stock}


# A value stays when its last book goes, as words do.
facet_values = Fold(FacetValue, key="code")


def _of_book(event: BookCreated | BookUpdated) -> list[int]:
    return [code(*each) for each in described(event)]


def _of_copy(event: CopyAdded | CopyMoved) -> list[int]:
    return [code("branch", event.branch_id)] if event.branch_id else []


@facet_values.on(BookCreated, keys=_of_book)
@facet_values.on(BookUpdated, keys=_of_book)
def _(row: Row | None, event: BookCreated | BookUpdated, key: int) -> Row:
    values = {code(*each): str(each[1]) for each in described(event)}
    return row or facet_values.Row(code=key, value=values[key])


@facet_values.on(CopyAdded, keys=_of_copy)
@facet_values.on(CopyMoved, keys=_of_copy)
def _(row: Row | None, event: CopyAdded | CopyMoved, key: int) -> Row:
    return row or facet_values.Row(code=key, value=str(event.branch_id))


facet_values.ignore(*{each.type for each in MOVES} - {"copy.added", "copy.moved"})
facet_values.ignore("book.deleted", "book.renewed", "book.overdue", "loan.forgotten")
facet_values.ignore("hold.suspended", "hold.resumed", "hold.moved")
facet_values.ignore("hold.placed", "hold.extended", "fee.charged", "fee.settled")
facet_values.ignore("book.due_changed", "book.due_soon")
facet_values.ignore("book.lost", "return.claimed", "fee.reversed")
facet_values.ignore("user.registered", "user.updated", "user.erased")
facet_values.ignore("user.blocked", "user.unblocked", "user.extended")
facet_values.ignore("category.described", "branch.described", "policy.set")
facet_values.ignore("titles.announced")
facet_values.ignore("endpoint.failed", "endpoint.recovered", "endpoint.switched_off")
