"""
How things stood at an earlier moment: a shelf, a book, a queue, an account.

Each is folded from the events about that one thing, or that one member, by the same
folds that write the tables; a book that many have read takes longer. What today's
tables hold is not looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from library.lending.events import LoanForgotten
from outbox import log
from projections import as_of, registry
from projections.models import Shelf
from projections.questions.shelves import shelves

BOOKS, COPIES = "catalog_book", "catalog_copy"
LOANS, HOLDS, FEES = "lending_loan", "lending_hold", "accounts_fee"


@dataclass(frozen=True, slots=True)
class Account:
    """What a member had at home, waited for, and owed."""

    member_id: UUID
    loans: list[Any]
    holds: list[Any]
    fees: list[Any]

    @property
    def balance(self) -> int:
        """How much was owed, in the smallest unit of money there is."""
        return sum(fee.owed for fee in self.fees)


def shelf(member_id: UUID, *, returned: bool, upto: int | None) -> list[Shelf]:
    """Return a member's shelf at a position, in the order of today's."""
    found = _known(as_of.rows(shelves, about=[member_id], upto=upto))
    if not returned:
        at_home = [row for row in found if row.returned_at is None]
        return sorted(at_home, key=lambda row: (row.due_at, row.loan_id))
    before = [row for row in found if row.returned_at is not None]
    before.sort(key=lambda row: row.loan_id)
    return sorted(before, key=lambda row: row.returned_at, reverse=True)


def book(book_id: UUID, *, upto: int | None) -> Any | None:
    """
    Return a book at a position with its `stock`, and who was `waiting` for it.

    Each copy has the `loan` and the `hold` that it was out with or set aside for.
    None for a book that was not there.
    """
    found = as_of.row(_fold(BOOKS), book_id, upto=upto)
    if found is None or found.withdrawn_at is not None:
        return None
    loans = as_of.rows(_fold(LOANS), about=[book_id], upto=upto)
    out = {loan.copy_id: loan for loan in loans if loan.returned_at is None}
    known = {loan.id for loan in _known(out.values())}
    for loan in out.values():
        loan.member_id = loan.member_id if loan.id in known else None
    wishes = [hold for hold in holds([book_id], upto=upto) if hold.closed_at is None]
    kept = {hold.copy_id: hold for hold in wishes if hold.copy_id}
    found.waiting = [hold for hold in wishes if hold.position]
    found.stock = []
    copies = as_of.rows(_fold(COPIES), about=[book_id], upto=upto)
    for copy in sorted(copies, key=lambda each: each.id):
        if copy.removed_at is None:
            copy.loan, copy.hold = out.get(copy.id), kept.get(copy.id)
            found.stock.append(copy)
    return found


def holds(book_ids: Iterable[UUID], *, upto: int | None) -> list[Any]:
    """Return the holds of some books, in their order, with positions in each queue."""
    ids = list(book_ids)
    found = as_of.rows(_fold(HOLDS), about=ids, upto=upto)
    found.sort(key=lambda hold: (hold.book_id, hold.number))
    books = _books(ids, upto)
    lengths: dict[UUID, int] = defaultdict(int)
    for hold in found:
        waits = hold.closed_at is None and hold.copy_id is None
        lengths[hold.book_id] += waits
        hold.book = books[hold.book_id]
        hold.position = lengths[hold.book_id] if waits else None
    return found


def account(member_id: UUID, *, upto: int | None) -> Account | None:
    """Return a member's account at a position; None for who was no member yet."""
    if as_of.row(_fold("members_member"), member_id, upto=upto) is None:
        return None
    # Whose turn it is, is said of the book alone: these are only open or closed.
    mine = as_of.rows(_fold(HOLDS), about=[member_id], upto=upto)
    queues = holds({hold.book_id for hold in mine if hold.closed_at is None}, upto=upto)
    fees = as_of.rows(_fold(FEES), about=[member_id], upto=upto)
    owed = [fee for fee in fees if fee.owed]
    return Account(
        member_id=member_id,
        loans=with_titles(shelf(member_id, returned=False, upto=upto), upto=upto),
        holds=[
            hold
            for hold in queues
            if hold.member_id == member_id and hold.closed_at is None
        ],
        fees=sorted(owed, key=lambda fee: (fee.charged_at, fee.id)),
    )


def with_titles(rows: Iterable[Any], *, upto: int | None) -> list[Any]:
    """Give each row the title that its book had."""
    found = list(rows)
    books = _books({row.book_id for row in found}, upto)
    for row in found:
        row.title = books[row.book_id].title
    return found


def _known(rows: Iterable[Any]) -> list[Any]:
    """Leave out the loans that were forgotten since: that goes for earlier moments."""
    found = list(rows)
    later = log.concerning([row.pk for row in found], types=[LoanForgotten.type])
    forgotten = {cast(LoanForgotten, each.event).loan_id for each in later}
    return [row for row in found if row.pk not in forgotten]


def _books(ids: Iterable[UUID], upto: int | None) -> dict[UUID, Any]:
    return {each.id: each for each in as_of.rows(_fold(BOOKS), about=[*ids], upto=upto)}


def _fold(table: str) -> Any:
    return registry.every_fold()[table]
