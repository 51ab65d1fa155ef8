"""
Answering a search: hits in order, and how they divide (facets).

Every word has to be there, the last one at least begun. An ISBN finds its book. Where
nothing is found, words that no book has are exchanged for the most similar ones of the
vocabulary, which is far smaller than the books. Rank and facets look at the first
10,000 hits, so that a common word costs no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import connection
from stdnum import isbn
from stdnum.exceptions import ValidationError

from projections.models import Word
from projections.questions.words import words

MOST_HITS = 10_000
MOST_WORDS = 20
MOST_VALUES = 20  # of a facet

IS_IN = "coalesce(a.copies > a.on_loan + a.set_aside + a.in_transit + a.marked, false)"
FILTERS = {
    "author": "%(author)s = ANY(s.authors)",
    "language": "s.language = %(language)s",
    "year": "s.year = %(year)s",
    "available": f"({IS_IN}) = %(available)s",
}


@dataclass(frozen=True, slots=True)
class Hits:
    """One page of what was found, and all of it divided by facets."""

    searched_for: str
    count: int
    results: Sequence[dict[str, Any]]
    facets: dict[str, list[dict[str, Any]]]


def find(text: str, *, limit: int, offset: int, **filters: Any) -> Hits:
    """Return what a text finds, with these of the FILTERS."""
    number = _isbn13(text)
    if number:
        return _hits(number, "s.isbn13 = %(isbn13)s", limit, offset, filters)
    wanted = words(text)[:MOST_WORDS]
    found = _with_words(wanted, limit, offset, filters)
    if found.count or not wanted:
        return found
    known = set(Word.objects.filter(word__in=wanted).values_list("word", flat=True))
    corrected = [each if each in known else _most_similar(each) for each in wanted]
    return _with_words(corrected, limit, offset, filters)


def _with_words(
    wanted: Sequence[str], limit: int, offset: int, filters: dict[str, Any]
) -> Hits:
    condition = "array_to_tsvector(s.words) @@ %(words)s::tsquery" if wanted else "true"
    return _hits(" ".join(wanted), condition, limit, offset, filters)


def _hits(
    text: str, condition: str, limit: int, offset: int, filters: dict[str, Any]
) -> Hits:
    # Words are letters and digits only, so that quoting them is enough.
    query = " & ".join(f"'{word}'" for word in text.split())
    values = {
        **filters,
        "isbn13": text,
        "words": f"{query}:*",
        "title": text,
        "begins": f"{text}%",
        "most": MOST_HITS,
        "values": MOST_VALUES,
        "limit": limit,
        "offset": offset,
    }
    conditions = " AND ".join([condition, *(FILTERS[name] for name in filters)])
    with connection.cursor() as cursor:
        cursor.execute(_FIND.format(conditions=conditions, is_in=IS_IN), values)
        count, results, facets = cursor.fetchone()
    return Hits(text, count, orjson.loads(results), orjson.loads(facets))


def _most_similar(word: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(_SIMILAR, {"word": word})
        found = cursor.fetchone()
    return str(found[0]) if found else word


def _isbn13(text: str) -> str | None:
    try:
        return str(isbn.to_isbn13(isbn.validate(text)))
    except ValidationError:
        return None


_SIMILAR = """
SELECT word FROM vocabulary WHERE word %% %(word)s
ORDER BY similarity(word, %(word)s) DESC, word LIMIT 1
"""

_FIND = """
WITH hits AS MATERIALIZED (
    SELECT s.*, {is_in} AS available
    FROM search s LEFT JOIN availability a USING (book_id)
    WHERE {conditions}
    LIMIT %(most)s
), page AS (
    SELECT book_id, title, authors, isbn13, language, year, available,
        row_number() OVER (
            ORDER BY title_words = %(title)s DESC, title_words LIKE %(begins)s DESC,
                cardinality(words), title_words, book_id
        ) AS rank
    FROM hits ORDER BY rank LIMIT %(limit)s OFFSET %(offset)s
), counted AS (
    SELECT facet, value, count(*) AS count,
        row_number() OVER (PARTITION BY facet ORDER BY count(*) DESC, value) AS place
    FROM hits, LATERAL (
        SELECT 'author' AS facet, author AS value FROM unnest(authors) AS author
        UNION ALL SELECT 'language', language WHERE language <> ''
        UNION ALL SELECT 'year', year::text WHERE year IS NOT NULL
        UNION ALL SELECT 'available', available::text
    ) AS of_it
    GROUP BY facet, value
), facets AS (
    SELECT facet, jsonb_agg(
        jsonb_build_object('value', value, 'count', count) ORDER BY place
    ) AS counts
    FROM counted WHERE place <= %(values)s GROUP BY facet
)
SELECT (SELECT count(*) FROM hits),
    (SELECT coalesce(jsonb_agg(to_jsonb(page) - 'rank' ORDER BY rank), '[]') FROM page),
    (SELECT coalesce(jsonb_object_agg(facet, counts), '{{}}') FROM facets)
"""
