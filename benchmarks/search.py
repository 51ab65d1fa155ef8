"""
Searching: what 95 of 100 searches take at most, in a catalogue of a million books.

Asked are words of books that are there, as readers type them; each kind has a row.
Facets and rank look at the first 10,000 hits, as always.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

from benchmarks import catalogue
from benchmarks.figures import Figure, Row, percentile
from projections import finding
from projections.models import Searchable
from projections.questions.words import words

BOOKS = 1_000_000
ASKED, ROUNDS = 100, 5
MUST, REACH = 50, 20  # milliseconds


def rows(*, quick: bool) -> Iterator[Row]:
    """Measure each kind of search, in turn."""
    count = BOOKS // (10 if quick else 1)
    catalogue.fill(count)
    chance = random.Random(2)
    known = _some_books(chance, count)
    asked = {
        name: [kind(chance, book) for book in known] for name, kind in KINDS.items()
    }
    found: dict[str, list[float]] = {name: [] for name in KINDS}
    for _ in range(ROUNDS):
        for name in random.sample(list(KINDS), len(KINDS)):
            times = sorted(_milliseconds(*each) for each in asked[name])
            found[name].append(percentile(times, 95))
    for name, times in found.items():
        figure = Figure.of(times, "ms")
        yield Row(
            what=f"search by {name}, p95",
            figure=figure,
            beside=f"{count:,} books",
            must=f"<= {MUST} ms",
            holds=figure.median <= MUST,
            reach=f"<= {REACH} ms",
            reaches=figure.median <= REACH,
        )


Asked = tuple[str, dict[str, object]]
Kind = Callable[[random.Random, Searchable], Asked]


def _one_word(chance: random.Random, book: Searchable) -> Asked:
    """Ask for a word that some title has: often a common one."""
    return chance.choice(words(book.title)), {}


def _two_words(chance: random.Random, book: Searchable) -> Asked:
    return " ".join(chance.choices(words(book.title), k=2)), {}


def _title_and_author(chance: random.Random, book: Searchable) -> Asked:
    return f"{book.title} {book.authors[0]}", {}


def _beginning(chance: random.Random, book: Searchable) -> Asked:
    """Ask for what stands in the box while somebody types on."""
    word = chance.choice(words(book.title))
    return word[: chance.randint(2, 4)], {}


def _misspelled(chance: random.Random, book: Searchable) -> Asked:
    """Ask for a word with a letter doubled, lost or changed, and the author."""
    word = max(words(book.title), key=len)
    at = chance.randrange(len(word))
    wrong = word[:at] + chance.choice(["", word[at] * 2, "x"]) + word[at + 1 :]
    return f"{wrong} {book.authors[0].split()[-1]}", {}


def _isbn(chance: random.Random, book: Searchable) -> Asked:
    return str(book.isbn13), {}


def _chosen(chance: random.Random, book: Searchable) -> Asked:
    """Ask for a word, in one language, on the shelf now."""
    chosen = {"language": book.language, "available": True}
    return chance.choice(words(book.title)), chosen


KINDS: dict[str, Kind] = {
    "one word": _one_word,
    "two words": _two_words,
    "title and author": _title_and_author,
    "a beginning": _beginning,
    "misspelled words": _misspelled,
    "ISBN": _isbn,
    "a word and facets": _chosen,
}


def _some_books(chance: random.Random, count: int) -> list[Searchable]:
    numbers = [catalogue.isbn13(chance.randrange(count)) for _ in range(ASKED)]
    return list(Searchable.objects.filter(isbn13__in=numbers).order_by("book_id"))


def _milliseconds(text: str, chosen: dict[str, object]) -> float:
    started = time.perf_counter()
    finding.find(text, limit=20, offset=0, **chosen)
    return (time.perf_counter() - started) * 1000
