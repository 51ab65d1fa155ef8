"""
Answering a search: hits in order, and how they divide (facets).

Every word has to be there; where few books have the last one as it stands, it may be
just begun. An ISBN finds its book. Where nothing is found, words that no book has are
exchanged for the most similar ones of the vocabulary, which is far smaller than the
books. Rank and facets look at the first 10,000 hits, so that a common word costs no
more; of a thousand, an author or subject that only one of them has is left out.
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
from projections.questions.facets import BITS, KINDS, code
from projections.questions.words import words

MOST_HITS = 10_000
MANY_HITS = 1_000  # of so many, what one alone counts for tells nobody anything
ENOUGH = 100  # books that have the last word as it stands; with fewer, it may be begun
MOST_WORDS = 20
MOST_VALUES = 20  # of a facet

CODED = "s.facets @> %(coded)s::bigint[]"
PLAIN = {"language": "s.language = %(language)s", "year": "s.year = %(year)s::smallint"}
AVAILABLE = "(cardinality(s.in_at) > 0) = %(available)s"
AVAILABLE_THERE = "(%(branch)s = ANY(s.in_at)) = %(available)s"
HAS_WORDS = "s.lexemes @@ %(words)s::tsquery"
HAS_BEGUN = "s.lexemes @@ %(begun)s::tsquery"


@dataclass(frozen=True, slots=True)
class Hits:
    """One page of what was found, and all of it divided by facets."""

    searched_for: str
    count: int
    results: Sequence[dict[str, Any]]
    facets: dict[str, list[dict[str, Any]]]


def find(text: str, *, limit: int, offset: int, **filters: Any) -> Hits:
    """Return what a text finds: of these KINDS of facets, `available` or not."""
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
    text = " ".join(wanted)
    if not wanted:
        return _hits(text, "true", limit, offset, filters)
    as_it_stands = _hits(text, HAS_WORDS, limit, offset, filters)
    if as_it_stands.count >= ENOUGH:  # of how many there are, not of which page this is
        return as_it_stands
    return _hits(text, HAS_BEGUN, limit, offset, filters)


def _hits(
    text: str, condition: str, limit: int, offset: int, filters: dict[str, Any]
) -> Hits:
    # Words are letters and digits only, so that quoting them is enough.
    query = " & ".join(f"'{word}'" for word in text.split())
    narrowed, chosen = _narrowed(filters)
    values = {
        **chosen,
        "isbn13": text,
        "words": query,
        "begun": f"{query}:*",
        "title": text,
        "begins": f"{text}%",
        "most": MOST_HITS,
        "many": MANY_HITS,
        "values": MOST_VALUES,
        "kinds": list(KINDS),
        "limit": limit,
        "offset": offset,
    }
    conditions = " AND ".join([condition, *narrowed])
    with connection.cursor() as cursor:
        cursor.execute(_FIND.format(conditions=conditions, bits=BITS), values)
        count, results, facets = cursor.fetchone()
    return Hits(text, count, orjson.loads(results), orjson.loads(facets))


def _narrowed(filters: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """Return the conditions of the facets that were chosen, and their values."""
    coded = {kind: code(kind, filters[kind]) for kind in KINDS if kind in filters}
    conditions = [PLAIN[name] for name in PLAIN if name in filters]
    if coded:
        conditions.append(CODED)
    if "available" in filters:
        conditions.append(AVAILABLE_THERE if "branch" in filters else AVAILABLE)
    return conditions, {**filters, **coded, "coded": list(coded.values())}


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
    SELECT s.book_id, s.facets, s.language, s.year, s.title_words,
        cardinality(s.in_at) > 0 AS available,
        s.title_words = %(title)s AS exact, s.title_words LIKE %(begins)s AS begins,
        length(s.words) AS length
    FROM search s WHERE {conditions}
    LIMIT %(most)s
), page AS (
    SELECT book_id, row_number() OVER () AS rank FROM (
        SELECT book_id FROM hits
        ORDER BY exact DESC, begins DESC, length, title_words, book_id
        LIMIT %(limit)s OFFSET %(offset)s
    ) AS best
), shown AS (
    SELECT rank, s.book_id, s.title, s.authors, s.subjects, s.isbn13, s.language,
        s.year, cardinality(s.in_at) > 0 AS available
    FROM page JOIN search s USING (book_id)
), all_of_them AS (
    SELECT count(*) AS count FROM hits
), counted AS MATERIALIZED (
    SELECT code, count(*) AS count
    FROM (SELECT unnest(facets) FROM hits) AS of_it (code) GROUP BY code
    HAVING count(*) > 1 OR (SELECT count FROM all_of_them) < %(many)s
), most AS MATERIALIZED (
    SELECT facet, code, count
    FROM unnest(%(kinds)s::text[]) WITH ORDINALITY AS kinds (facet, number), LATERAL (
        SELECT code, count FROM counted WHERE code & {bits} = number - 1
        ORDER BY count DESC, code LIMIT %(values)s
    ) AS of_kind
), plain AS (
    SELECT CASE grouping(language, year, available)
            WHEN 3 THEN 'language' WHEN 5 THEN 'year' ELSE 'available' END AS facet,
        coalesce(language, year::text, available::text) AS value, count(*) AS count
    FROM hits GROUP BY GROUPING SETS (language, year, available)
), facets AS (
    SELECT facet, jsonb_agg(
        jsonb_build_object('value', value, 'count', count) ORDER BY count DESC, value
    ) AS counts
    FROM (
        SELECT facet, value, count FROM most JOIN facet_values USING (code)
        UNION ALL
        SELECT facet, value, count FROM (
            SELECT *, row_number() OVER (PARTITION BY facet ORDER BY count DESC, value)
            FROM plain WHERE value <> ''
        ) AS placed WHERE row_number <= %(values)s
    ) AS values
    GROUP BY facet
)
SELECT (SELECT count FROM all_of_them),
    (SELECT coalesce(jsonb_agg(to_jsonb(shown) - 'rank' ORDER BY rank), '[]')
        FROM shown),
    (SELECT coalesce(jsonb_object_agg(facet, counts), '{{}}') FROM facets)
"""
