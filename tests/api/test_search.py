from __future__ import annotations

import pytest

from tests.api.problems import problem

SEARCH = "/api/v1/books/search/"


def test_a_search_answers_with_a_page_and_facets(reader, a_book, sequenced):
    a_book(title="Kecha va kunduz", language="uz")
    sequenced()

    answer = reader.get(SEARCH, {"q": "kecha kun", "language": "uz"}).json()

    assert answer["count"] == 1
    assert answer["results"][0]["title"] == "Kecha va kunduz"
    assert answer["facets"]["language"] == [{"value": "uz", "count": 1}]


def test_nothing_found_is_an_empty_page(reader):
    answer = reader.get(SEARCH, {"q": "nothing like it"}).json()

    assert (answer["count"], answer["results"], answer["facets"]) == (0, [], {})


@pytest.mark.parametrize(
    "query",
    [
        {"q": "x" * 201},
        {"year": "long ago"},
        {"branch": "here"},
        {"colour": "x"},
        {"limit": 0},
    ],
    ids=str,
)
def test_what_cannot_be_searched_for_is_refused(reader, query):
    problem(reader.get(SEARCH, query), 400, "validation_error")


def test_nobody_searches_without_logging_in(anonymous):
    assert anonymous.get(SEARCH).status_code == 401
