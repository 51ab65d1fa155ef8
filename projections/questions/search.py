"""Which books have these words in their title, or in an author's name?"""

from __future__ import annotations

from library.catalog.events import BookCreated, BookDeleted, BookUpdated
from outbox.folds import Fold, Row
from projections.models import Searchable, Word
from projections.questions.words import words


def _words(event: BookCreated | BookUpdated) -> list[str]:
    return words(" ".join([event.title, *event.authors]))


search = Fold(Searchable, key="book_id")


@search.on(BookCreated)
@search.on(BookUpdated)
def _(row: Row | None, event: BookCreated | BookUpdated) -> Row:
    return search.Row(
        book_id=event.book_id,
        title=event.title,
        authors=list(event.authors),
        isbn13=event.isbn13,
        language=event.language,
        year=event.year,
        title_words=" ".join(words(event.title)),
        words=sorted(_words(event)),
    )


@search.on(BookDeleted)
def _(row: Row, event: BookDeleted) -> None:
    """Withdrawn: not to be found any more."""


# A word stays when its last book goes: it is a way of spelling, not a hit.
vocabulary = Fold(Word, key="word")


@vocabulary.on(BookCreated, keys=_words)
@vocabulary.on(BookUpdated, keys=_words)
def _(row: Row | None, event: BookCreated | BookUpdated, key: str) -> Row:
    return row or vocabulary.Row(word=key)


for each in (search, vocabulary):
    each.ignore("copy.moved", "copy.marked", "copy.sent", "copy.arrived")
    each.ignore("copy.added", "copy.removed", "user.registered", "user.updated")
    each.ignore(
        "book.borrowed",
        "book.renewed",
        "book.returned",
        "book.overdue",
        "loan.forgotten",
    )
    each.ignore(
        "user.erased",
        "user.blocked",
        "user.unblocked",
        "user.extended",
        "category.described",
        "fee.charged",
        "fee.settled",
    )
    each.ignore("hold.requeued")
    each.ignore(
        "hold.placed",
        "hold.suspended",
        "hold.resumed",
        "hold.moved",
        "hold.ready",
        "hold.cancelled",
        "hold.expired",
    )
    each.ignore("branch.described", "policy.set", "titles.announced")
    each.ignore("endpoint.failed", "endpoint.recovered", "endpoint.switched_off")
vocabulary.ignore("book.deleted")
