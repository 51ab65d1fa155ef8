from __future__ import annotations

import pytest

from library.catalog import books, copies
from library.lending import conditions, holds, loans
from outbox import sequencer
from outbox.copying import MANY
from projections import feed, finding
from projections.finding import MOST_VALUES
from projections.models import Searchable, Stock, Word
from projections.questions.facets import BITS, KINDS, code
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


def test_where_enough_books_have_the_word_as_it_stands_none_is_found_by_its_beginning(
    db, a_book, monkeypatch
):
    for title in ("Night", "Day and night", "Nightly"):
        a_book(title=title)
    read_on()

    monkeypatch.setattr(finding, "ENOUGH", 3)
    few = titles("night"), titles("day night"), titles("nigh")
    monkeypatch.setattr(finding, "ENOUGH", 2)
    enough = titles("night"), titles("night", limit=1, offset=1), titles("nigh")

    assert few == (
        ["Night", "Nightly", "Day and night"],
        ["Day and night"],
        ["Night", "Nightly", "Day and night"],
    )
    assert enough == (["Night", "Day and night"], ["Day and night"], few[2])


def test_of_many_hits_one_alone_counts_for_nothing(db, a_book, monkeypatch):
    for author in ("Ann Otis", "Ann Otis", "Once Only"):
        a_book(title="Night", authors=(author,), subjects=(author,))
    read_on()

    few = finding.find("night", limit=1, offset=0)
    monkeypatch.setattr(finding, "MANY_HITS", 3)
    many = finding.find("night", limit=1, offset=0)

    twice = [{"value": "Ann Otis", "count": 2}]
    assert few.facets["author"] == [*twice, {"value": "Once Only", "count": 1}]
    assert many.facets["author"] == many.facets["subject"] == twice
    assert many.count == 3


def test_the_twenty_commonest_years_are_counted_and_no_language_is_none(db, a_book):
    for year in range(1900, 1900 + MOST_VALUES + 1):
        a_book(title="Night", year=year)
    a_book(title="Night", year=1920, language="")
    read_on()

    facets = finding.find("night", limit=1, offset=0).facets

    assert facets["year"][0] == {"value": "1920", "count": 2}
    assert len(facets["year"]) == MOST_VALUES
    assert "language" not in facets


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


def test_the_hits_are_divided_by_subject_and_branch(db, a_book, a_branch, a_copy):
    here, there = a_branch(), a_branch()
    poems = a_book(title="Saodat", subjects=("Poetry", "Love"))
    novel = a_book(title="Saodat asri", subjects=("Love",))
    for branch_id in (here, here, there, None):
        a_copy(poems, branch_id=branch_id)
    a_copy(novel, branch_id=here)
    read_on()

    facets = finding.find("saodat", limit=1, offset=0).facets

    assert facets["subject"] == [
        {"value": "Love", "count": 2},
        {"value": "Poetry", "count": 1},
    ]
    assert facets["branch"] == [
        {"value": str(here), "count": 2},
        {"value": str(there), "count": 1},
    ]
    assert titles("", subject="Poetry") == ["Saodat"]
    assert titles("", branch=there) == ["Saodat"]
    assert titles("", subject="Poems") == titles("", branch=poems) == []


def test_available_in_a_branch_is_available_there(
    db, a_book, a_branch, a_copy, a_loan, now
):
    here, there = a_branch(), a_branch()
    book_id = a_book(title="Saodat")
    copy_id = a_copy(book_id, branch_id=here)
    a_copy(book_id, branch_id=there)
    a_loan(copy_id)
    read_on()

    out = titles("", branch=here, available=True), titles("", available=True)
    elsewhere = titles("", branch=here, available=False)
    copies.move_copy(copy_id=copy_id, branch_id=None, now=now)
    read_on()

    assert out == ([], ["Saodat"])
    assert elsewhere == ["Saodat"]
    assert titles("", branch=here) == []


def test_a_corrected_book_is_where_it_was(db, a_book, a_branch, a_copy, now):
    branch_id, book_id = a_branch(), a_book(title="Sadat")
    a_copy(book_id, branch_id=branch_id)
    books.correct_book(book_id=book_id, title="Saodat", authors=("Kimdir",), now=now)
    read_on()

    assert titles("saodat", branch=branch_id, available=True) == ["Saodat"]


def test_where_the_search_finds_copies_is_where_they_are(
    db, a_book, a_branch, a_copy, a_loan, a_hold, now
):
    book_id, branch_id = a_book(), a_branch()
    kept = a_copy(book_id, branch_id=branch_id)
    a_copy(book_id)
    loan = a_loan(a_copy(book_id, branch_id=branch_id))
    hold = a_hold(book_id)
    moments = [
        lambda: conditions.mark_copy(copy_id=kept, condition="damaged", now=now),
        lambda: loans.return_copy(copy_id=loan.copy_id, now=now),
        lambda: holds.cancel_hold(hold_id=hold.hold_id, now=now),
        lambda: copies.remove_copy(copy_id=kept, now=now),
    ]

    for happens in moments:
        happens()
        read_on()
        found = Searchable.objects.get()
        assert [tuple(each) for each in found.stock] == [
            (str(each.copy_id), str(each.branch_id or ""), each.place)
            for each in Stock.objects.order_by("copy_id")
        ]
    assert not differences(read_models()["search"])


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


def test_a_book_of_many_new_words_is_read_at_once(db, a_book):
    a_book(title=" ".join(f"word{number}" for number in range(50)))

    read_on()

    new = Word.objects.filter(word__startswith="word")
    assert new.count() == 50


def test_words_are_the_same_however_they_are_typed():
    assert words("Oʻzbek oʼzbek O'ZBEK") == ["ozbek"]
    assert words("Café, café!  NAÏVE") == ["cafe", "naive"]
    assert words("a_b 1984") == ["a", "b", "1984"]
    assert words(" ") == []


@pytest.mark.parametrize("count", [1, MANY - 1, MANY, 3 * MANY])
def test_few_new_words_and_many_are_known_from_then_on(db, a_book, count):
    title = " ".join(f"word{number}" for number in range(count))
    a_book(title=title, authors=["word0"])

    read_on()

    assert Word.objects.count() == count


def test_a_value_has_the_same_number_for_ever_and_it_says_of_which_facet():
    assert code("author", "Abdulla Qodiriy") == 7_821_075_653_661_621_496
    assert [code(kind, "x") & BITS for kind in KINDS] == list(range(len(KINDS)))
    assert len({code(kind, "x") for kind in KINDS}) == len(KINDS)


def test_a_book_counts_for_its_branches_as_long_as_it_has_a_copy_there(
    db, a_book, a_branch, a_copy, now
):
    branch_id = a_branch()
    copy_id = a_copy(a_book(subjects=("Poetry",), language="uz"), branch_id=branch_id)
    read_on()
    with_copy = Searchable.objects.get().facets
    copies.remove_copy(copy_id=copy_id, now=now)
    read_on()
    without = Searchable.objects.get().facets

    said = {
        code("author", "Abdulla Qodiriy"),
        code("subject", "Poetry"),
    }
    assert set(with_copy) == said | {code("branch", branch_id)}
    assert set(without) == said
    assert not differences(read_models()["search"], read_models()["facet_values"])
