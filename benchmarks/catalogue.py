"""
A large catalogue in the read models of the search, made fast.

The rows are what the folds make of made-up facts; they come in by COPY, as in a
rebuild. The words of the titles are those of TITLES, a CSV file with the columns
`title` and `authors`, or made up: a few are everywhere, most are rare, as usual.
"""

from __future__ import annotations

import csv
import os
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate, product
from pathlib import Path
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from stdnum import ean

from benchmarks import databases
from library.catalog.events import BookCreated, CopyAdded
from outbox.apply import Rows, fold_all
from outbox.codec import DomainEvent
from outbox.folds import Fold, Row
from projections.questions.facets import facet_values
from projections.questions.search import search, vocabulary
from projections.questions.stock import stock
from projections.questions.words import words
from projections.shadow import Shadow

LANGUAGES = ("en", "uz", "ru", "de", "fr", "es", "tr", "ar")
SUBJECTS = 400
BRANCHES = 12
PEOPLE = 200_000  # names of authors
RARE = 300_000  # words that stand in a title or two
OWN_WORD = 0.25  # so many titles have one of these
SYLLABLES = [a + b for a, b in product("bdfgklmnprstvz", "aeiou")]


class Words:
    """Words to draw from, each as often as it is met."""

    def __init__(self, counted: Mapping[str, float]) -> None:
        self.words = list(counted)
        self.weights = list(accumulate(counted.values()))

    def draw(self, chance: random.Random, count: int) -> list[str]:
        """Return so many words."""
        return chance.choices(self.words, cum_weights=self.weights, k=count)


def fill(count: int) -> None:
    """Put so many books, and a copy or two of most, where the search looks."""
    copies, spelled, counted = list[Row](), set[str](), dict[int, Row]()

    def found() -> Iterator[Row]:
        for book, its_copies in described(count):
            copies.extend(row for copy in its_copies for row in _rows(stock, copy))
            for row in _rows(facet_values, book, *its_copies):
                counted[row.code] = row
            for row in _rows(search, book, *its_copies):
                spelled.update(row.words.split())
                yield row

    _take(search, found())
    _take(facet_values, counted.values())
    _take(vocabulary, (vocabulary.Row(word=each) for each in spelled))
    _take(stock, copies)
    for fold in (search, facet_values, vocabulary, stock):
        # At once what autovacuum would do meanwhile, beside what is measured.
        databases.run(f"VACUUM ANALYZE {fold.name}")


def described(count: int) -> Iterator[tuple[BookCreated, list[CopyAdded]]]:
    """Yield made-up books with their copies, the same ones each time."""
    chance, now = random.Random(1), timezone.now()
    titles, names = _vocabularies()
    people = [" ".join(names.draw(chance, 2)) for _ in range(PEOPLE)]
    subjects = Words({f"Subject {n}": SUBJECTS // n for n in range(1, SUBJECTS)})
    languages = Words({each: 2**-n for n, each in enumerate(LANGUAGES)})
    branches = [UUID(int=chance.getrandbits(128)) for _ in range(BRANCHES)]
    for number in range(count):
        book_id = UUID(int=chance.getrandbits(128))
        title = titles.draw(chance, chance.randint(1, 6))
        if chance.random() < OWN_WORD:
            title.append(_made_up(chance.randrange(RARE)))
        book = BookCreated(
            book_id=book_id,
            title=" ".join(title),
            authors=tuple(chance.choices(people, k=chance.choice((1, 1, 1, 2)))),
            isbn13=isbn13(number),
            language=languages.draw(chance, 1)[0],
            year=2026 - int(chance.expovariate(0.05)),
            subjects=tuple(dict.fromkeys(subjects.draw(chance, 2))),
            created_at=now,
        )
        yield (
            book,
            [
                CopyAdded(
                    copy_id=UUID(int=chance.getrandbits(128)),
                    book_id=book_id,
                    barcode="",
                    branch_id=chance.choice(branches),
                    added_at=now,
                )
                for _ in range(chance.choice((0, 1, 1, 2)))
            ],
        )


def isbn13(number: int) -> str:
    """Return an ISBN of its own for each number."""
    digits = f"978{number:09}"
    return digits + ean.calc_check_digit(digits)


def _rows(fold: Fold, *events: DomainEvent) -> Iterable[Row]:
    rows: Rows = {}
    fold_all(fold, rows, events)
    return rows.values()


def _take(fold: Fold, rows: Iterable[Row]) -> None:
    """Have a read model consist of these rows."""
    shadow = Shadow(fold)
    shadow.make()
    shadow.fill(rows)
    shadow.finish()
    with transaction.atomic():
        shadow.exchange()


def _vocabularies() -> tuple[Words, Words]:
    """Return the words of titles and of names."""
    if path := os.environ.get("TITLES"):
        with Path(path).open(newline="") as file:
            rows = list(csv.DictReader(file))
        return tuple(  # type: ignore[return-value]
            Words(Counter(word for row in rows for word in words(row[column])))
            for column in ("title", "authors")
        )
    made = {_made_up(n): 100_000 // (n + 1) + 1 for n in range(20_000)}
    return Words(made), Words({_made_up(n): 1 for n in range(20_000, 40_000)})


def _made_up(number: int) -> str:
    """Return a word of its own for each number."""
    word = ""
    while number or not word:
        number, here = divmod(number, len(SYLLABLES))
        word += SYLLABLES[here]
    return word
