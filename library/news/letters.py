"""What we write to members about new titles: the news of a day, or each by itself."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from library.catalog.events import BookCreated
from library.catalog.models import Book
from library.members import addresses
from library.news.events import TitlesAnnounced
from outbox.channels.letters import Letter

KIND = "new_titles"
TITLE = {"en": "New titles", "uz": "Yangi kitoblar"}
NEWS = timedelta(days=3)  # for as long as a letter about them is worth sending


def _readers_of_news(event: TitlesAnnounced) -> list[UUID]:
    return addresses.who_wants(KIND, at_once=False)


def _readers_of_each(event: BookCreated) -> list[UUID]:
    if event.source_key is not None:  # imported
        return []
    return addresses.who_wants(KIND, at_once=True)


def _titles(event: TitlesAnnounced) -> dict[str, Any]:
    named = _live(event.book_ids)
    return {"books": named, "more": event.titles - len(event.book_ids)}


def _live(book_ids: Iterable[UUID]) -> list[Book]:
    found = Book.objects.live().in_bulk(list(book_ids))
    return [found[each] for each in book_ids if each in found]


new_titles = Letter(
    name="new_titles",
    event=TitlesAnnounced,
    template="letters/new_titles",
    recipients=_readers_of_news,
    context=_titles,
    until=lambda event: event.announced_at + NEWS,
    holds=lambda event: bool(_live(event.book_ids)),
    kind=KIND,
    digest=True,
    title=TITLE,
    sample={
        "books": [
            {"title": "Oʻtkan kunlar", "authors": ["Abdulla Qodiriy"]},
            {"title": "Good Omens", "authors": ["Terry Pratchett", "Neil Gaiman"]},
        ],
        "more": 3,
    },
)

new_title = Letter(
    name="new_title",
    event=BookCreated,
    template="letters/new_title",
    recipients=_readers_of_each,
    context=lambda event: {"book": Book.objects.get(id=event.book_id)},
    holds=lambda event: bool(_live([event.book_id])),
    kind=KIND,
    title=TITLE,
    sample={"book": {"title": "Oʻtkan kunlar", "authors": ["Abdulla Qodiriy"]}},
)
