from __future__ import annotations

import pytest

from library.catalog import books
from library.lending import loans
from outbox import sequencer
from projections import feed, finding
from projections.questions.words import words
from projections.registry import read_models
from projections.verify import differences


def read_on():
    sequencer.sequence_all()
    feed.catch_up_all()


def titles(text, **more):
    found = finding.find(text, **{"limit": 20, "offset": 0, **more})
    return [each["title"] for each in found.results]


@pytest.fixture
def catalogue(db, a_book):
    """Four books, in two languages and two scripts."""
    a_book(title="Oʻtkan kunlar", language="uz", year=1926, isbn="9780140328721")
    a_book(title="Mehrobdan chayon", language="uz", year=1929)
    a_book(title="Сароб", authors=("Абдулла Қаҳҳор",), language="uz", year=1937)
    a_book(title="The Days of Café Noir", authors=("Ann Otis",), language="en")
    read_on()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("o'tkan kunlar", ["Oʻtkan kunlar"]),  # another apostrophe
        ("OTKAN", ["Oʻtkan kunlar"]),
        ("kunlar otkan", ["Oʻtkan kunlar"]),  # in any order
        ("qodiriy chayon", ["Mehrobdan chayon"]),  # title and author
        ("cafe", ["The Days of Café Noir"]),
        ("сароб", ["Сароб"]),
        ("meh", ["Mehrobdan chayon"]),  # just begun
        ("qodiriy meh", ["Mehrobdan chayon"]),
        ("9780140328721", ["Oʻtkan kunlar"]),
        ("978-0-14-032872-1", ["Oʻtkan kunlar"]),
        ("0140328726", ["Oʻtkan kunlar"]),  # the same, with ten digits
        ("9780140328738", []),
    ],
)
def test_a_book_is_found(catalogue, text, found):
    assert titles(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mehrobdn chayon", "Mehrobdan chayon"),
        ("kodiriy chayon", "Mehrobdan chayon"),
        ("саробь", "Сароб"),
    ],
)
def test_a_misspelled_word_is_found_all_the_same_and_it_is_said_how(
    catalogue, text, found
):
    hits = finding.find(text, limit=20, offset=0)

    assert [each["title"] for each in hits.results] == [found]
    assert hits.searched_for != " ".join(words(text))


@pytest.mark.parametrize("text", ["'); DROP TABLE search; --", "& | ! <->", "%_", "'"])
def test_signs_mean_nothing(catalogue, text):
    finding.find(text, limit=20, offset=0)

    assert titles("otkan") == ["Oʻtkan kunlar"]


def test_the_exact_title_comes_first_then_what_begins_with_it(db, a_book):
    for title in ("Long after night", "Night watch and day", "Night", "Night watch"):
        a_book(title=title)
    read_on()

    assert titles("night") == [
        "Night",
        "Night watch",
        "Night watch and day",
        "Long after night",
    ]


def test_the_hits_are_divided_by_author_language_year_and_availability(
    catalogue, a_book, a_copy
):
    a_copy(a_book(title="Oʻtkan kunlar", language="uz", year=1974))
    read_on()

    facets = finding.find("qodiriy", limit=1, offset=0).facets

    assert facets["author"] == [{"value": "Abdulla Qodiriy", "count": 3}]
    assert facets["language"] == [{"value": "uz", "count": 3}]
    assert [each["value"] for each in facets["year"]] == ["1926", "1929", "1974"]
    assert facets["available"] == [
        {"value": "false", "count": 2},
        {"value": "true", "count": 1},
    ]


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ({"language": "en"}, ["The Days of Café Noir"]),
        ({"year": 1937}, ["Сароб"]),
        ({"author": "Ann Otis"}, ["The Days of Café Noir"]),
        ({"author": "Ann Otis", "language": "uz"}, []),
        ({"available": True}, []),
    ],
)
def test_a_facet_narrows_what_is_found(catalogue, chosen, found):
    assert titles("", **chosen) == found


def test_a_copy_that_goes_out_is_no_longer_available(db, a_book, a_copy, a_member, now):
    copy_id = a_copy(a_book(title="Saodat"))
    read_on()
    before = titles("saodat", available=True)
    loans.borrow_copy(copy_id=copy_id, member_id=a_member(), now=now)
    read_on()

    assert (before, titles("saodat", available=True)) == (["Saodat"], [])


def test_pages_follow_each_other_without_gap_or_overlap(db, a_book):
    for number in range(5):
        a_book(title=f"Volume {number}")
    read_on()

    pages = [titles("volume", limit=2, offset=offset) for offset in (0, 2, 4)]

    assert [*pages[0], *pages[1], *pages[2]] == [
        f"Volume {number}" for number in range(5)
    ]


def test_a_corrected_book_is_found_by_its_new_title_and_a_withdrawn_one_not(
    catalogue, a_book, now
):
    book_id = a_book(title="Wrong")
    books.correct_book(book_id=book_id, title="Right", authors=("Kimdir",), now=now)
    read_on()
    corrected = titles("wrong"), titles("right")
    books.withdraw_book(book_id=book_id, now=now)
    read_on()

    assert corrected == ([], ["Right"])
    assert titles("right") == []
    assert not differences(read_models()["search"], read_models()["vocabulary"])


def test_words_are_the_same_however_they_are_typed():
    assert words("Oʻzbek oʼzbek O'ZBEK") == ["ozbek"]
    assert words("Café, café!  NAÏVE") == ["cafe", "naive"]
    assert words("a_b 1984") == ["a", "b", "1984"]
    assert words(" ") == []
