"""Which books have these words in their title, or in an author's name?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from library.catalog.events import BookCreated, BookDeleted, BookUpdated
from outbox.folds import Fold, Row
from projections.models import Searchable, Word
from projections.questions.facets import branches, code, codes
from projections.questions.places import MOVES, SHELF, Change, moves
from projections.questions.words import words


def _words(event: BookCreated | BookUpdated) -> list[str]:
    return words(" ".join([event.title, *event.authors]))


search = Fold(Searchable, key="book_id")


@search.on(BookCreated)
@search.on(BookUpdated)
def _(row: Row | None, event: BookCreated | BookUpdated) -> Row:
    said = {
        "title": event.title,
        "authors": list(event.authors),
        "subjects": list(event.subjects),
        "isbn13": event.isbn13,
        "language": event.language,
        "year": event.year,
        "title_words": " ".join(words(event.title)),
        "words": " ".join(_words(event)),
    }
    before = row or search.Row(book_id=event.book_id, facets=[], **said)
    return _counted(replace(before, **said))


@search.on(BookDeleted)
def _(row: Row, event: BookDeleted) -> None:
    """Withdrawn: not to be found any more."""


def _moved(row: Row | None, event: Any) -> Row | None:
    if row is None:  # withdrawn before its copies were
        return None
    copies = {copy_id: (branch, place) for copy_id, branch, place in row.stock}
    for copy_id, change in moves(event).items():
        _move(copies, str(copy_id), change)
    in_at = {branch for branch, place in copies.values() if place == SHELF}
    moved = replace(
        row,
        stock=[[copy_id, *where] for copy_id, where in sorted(copies.items())],
        in_at=sorted(code("branch", branch) for branch in in_at),
    )
    return moved if branches(moved) == branches(row) else _counted(moved)


def _counted(row: Row) -> Row:
    return replace(row, facets=codes(row))


def _move(copies: dict[str, tuple[str, str]], copy_id: str, change: Change) -> None:
    branch, place = copies.pop(copy_id, ("", ""))
    if change is not None:
        if "branch_id" in change:
            branch = str(change["branch_id"] or "")
        copies[copy_id] = branch, change.get("place", place)


for moving in MOVES:
    search.on(moving)(_moved)


# A word stays when its last book goes: it is a way of spelling, not a hit.
vocabulary = Fold(Word, key="word")


@vocabulary.on(BookCreated, keys=_words)
@vocabulary.on(BookUpdated, keys=_words)
def _(row: Row | None, event: BookCreated | BookUpdated, key: str) -> Row:
    return row or vocabulary.Row(word=key)


for fold in (search, vocabulary):
    fold.ignore("user.registered", "user.updated")
    fold.ignore("book.lost", "return.claimed", "fee.reversed")
    fold.ignore("book.renewed", "book.overdue", "loan.forgotten", "hold.placed")
    fold.ignore("book.due_soon", "book.due_changed", "hold.extended")
    fold.ignore("hold.suspended", "hold.resumed", "hold.moved")
    fold.ignore(
        "user.erased",
        "user.blocked",
        "user.unblocked",
        "user.extended",
        "category.described",
        "fee.charged",
        "fee.settled",
    )
    fold.ignore("branch.described", "policy.set", "titles.announced")
    fold.ignore("endpoint.failed", "endpoint.recovered", "endpoint.switched_off")
vocabulary.ignore("book.deleted", *(each.type for each in MOVES))
