"""Add, correct and withdraw books."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from library import guards
from library.advance import advance
from library.catalog import rules
from library.catalog.events import BookCreated, BookDeleted, BookUpdated, CopyRemoved
from library.catalog.models import Book, Copy
from library.catalog.refusals import IsbnTaken
from library.catalog.rules import Description
from library.locks import lock_values
from library.refusals import Refusal, StillInUse
from outbox import gate
from outbox.ids import new_id

DESCRIBED = ("title", "authors", "language", "year", "subjects")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBook:
    """A description to catalogue, and the key it has where it came from."""

    described: Description
    source_key: str | None = None


@transaction.atomic
def add_book(
    *,
    title: str,
    authors: Sequence[str],
    now: datetime,
    isbn: str = "",
    language: str = "",
    year: int | None = None,
    subjects: Sequence[str] = (),
) -> BookCreated:
    """
    Put a book into the catalogue.

    Raises InvalidDescription, InvalidIsbn, and IsbnTaken where a live book
    has the same ISBN.
    """
    described = rules.describe(
        title=title,
        authors=authors,
        isbn=isbn,
        language=language,
        year=year,
        subjects=subjects,
    )
    (answer,) = add_books(new=[NewBook(described=described)], now=now)
    if isinstance(answer, Refusal):
        raise answer
    return answer


@transaction.atomic
def add_books(*, new: Sequence[NewBook], now: datetime) -> list[BookCreated | Refusal]:
    """
    Put several books into the catalogue; answer each with its event or refusal.

    A refused one does not keep the others out.
    """
    gate.enter()
    numbers = _numbers(new)
    _hold(numbers)
    answers = _answers(new, _holders(numbers), now)
    advance(*(answer for answer in answers if isinstance(answer, BookCreated)))
    return answers


def weigh_books(
    *, new: Sequence[NewBook], now: datetime, taken: Collection[str]
) -> list[BookCreated | Refusal]:
    """
    Answer as `add_books` would, if books with the numbers `taken` were there too.

    Writes nothing, and locks nothing.
    """
    of_others = dict.fromkeys(taken, new_id())
    return _answers(new, {**of_others, **_holders(_numbers(new))}, now)


@transaction.atomic
def correct_book(
    *,
    book_id: UUID,
    title: str,
    authors: Sequence[str],
    now: datetime,
    isbn: str = "",
    language: str = "",
    year: int | None = None,
    subjects: Sequence[str] = (),
) -> BookUpdated:
    """
    Say a book's description again, corrected.

    Raises UnknownBook and what `add_book` raises.
    """
    gate.enter()
    book = Book.objects.lock(book_id)
    described = rules.describe(
        title=title,
        authors=authors,
        isbn=isbn,
        language=language,
        year=year,
        subjects=subjects,
    )
    return _correct(book, described, now)


@transaction.atomic
def correct_parts_of_book(*, book_id: UUID, now: datetime, **said: Any) -> BookUpdated:
    """
    Correct what is said, by the names of `correct_book`; the rest stays as it is.

    So does a number that an import kept although it does not hold. Raises
    UnknownBook and what `add_book` raises.
    """
    gate.enter()
    book = Book.objects.lock(book_id)
    known = {name: getattr(book, name) for name in DESCRIBED}
    described = rules.describe(**{**known, **said})
    if "isbn" not in said:
        described = replace(described, isbn13=book.isbn13, isbn_given=book.isbn_given)
    return _correct(book, described, now)


@transaction.atomic
def withdraw_book(*, book_id: UUID, now: datetime) -> BookDeleted:
    """
    Take a book and its copies out of the catalogue.

    Locks the book, then its copies. Raises UnknownBook, and StillInUse with
    the ids of the loans and holds that stand in the way.
    """
    gate.enter()
    book = Book.objects.lock(book_id)
    copies = list(
        Copy.objects.live()
        .filter(book=book)
        .order_by("id")
        .select_for_update(no_key=True)
    )
    blockers = guards.blocking("book", book.id) + [
        blocker for copy in copies for blocker in guards.blocking("copy", copy.id)
    ]
    if blockers:  # a hold of this very copy stands in the way of both
        raise StillInUse("book", book.id, list(dict.fromkeys(blockers)))

    deleted = BookDeleted(book_id=book.id, withdrawn_at=now)
    removed = [
        CopyRemoved(
            copy_id=copy.id,
            book_id=book.id,
            removed_at=now,
            condition=copy.condition,
        )
        for copy in copies
    ]
    advance(*removed, deleted)
    return deleted


def _correct(book: Book, described: Description, now: datetime) -> BookUpdated:
    numbers = {described.isbn13} if described.isbn13 else set()
    _hold(numbers)
    for isbn13, holder in _holders(numbers).items():
        if holder != book.id:
            raise IsbnTaken(isbn13, holder)

    updated = BookUpdated(book_id=book.id, updated_at=now, **_said(described))
    advance(updated)
    return updated


def _created(new: NewBook, now: datetime) -> BookCreated:
    return BookCreated(
        book_id=new_id(),
        created_at=now,
        source_key=new.source_key,
        **_said(new.described),
    )


def _said(described: Description) -> dict[str, Any]:
    return {name: getattr(described, name) for name in _SAID}


_SAID = tuple(field.name for field in fields(Description))


def _answers(
    new: Sequence[NewBook], holders: dict[str, UUID], now: datetime
) -> list[BookCreated | Refusal]:
    answers: list[BookCreated | Refusal] = []
    for each in new:
        isbn13 = each.described.isbn13
        if isbn13 and isbn13 in holders:
            answers.append(IsbnTaken(isbn13, holders[isbn13]))
            continue
        created = _created(each, now)
        if isbn13:
            holders[isbn13] = created.book_id
        answers.append(created)
    return answers


def _numbers(new: Sequence[NewBook]) -> set[str]:
    return {each.described.isbn13 for each in new if each.described.isbn13}


def _hold(numbers: Collection[str]) -> None:
    """
    Hold these ISBNs for us.

    There is no row to lock for a number nobody has yet: two that add the same one
    wait here, and the second is told who has it.
    """
    if numbers:
        lock_values("isbn", numbers)


def _holders(numbers: Collection[str]) -> dict[str, UUID]:
    """Return which live book has which ISBN."""
    if not numbers:
        return {}
    found = Book.objects.live().filter(isbn13__in=numbers)
    return {str(isbn13): book for isbn13, book in found.values_list("isbn13", "id")}
