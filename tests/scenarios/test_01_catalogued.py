"""
A well-formed ISBN, title, author: added, `book.created` once; corrected: `book.updated`
once; withdrawn: `book.deleted` once. Empty title or author, malformed ISBN: refused;
blanks around good ones trimmed.
"""

from __future__ import annotations

import pytest

from library.catalog import books
from library.catalog.refusals import InvalidDescription, InvalidIsbn

GOOD = {"title": "Good Omens", "authors": ["Terry Pratchett"], "isbn": "9780060853983"}


def test_a_book_is_added_corrected_and_withdrawn_once_each(db, events, now):
    added = books.add_book(**GOOD, now=now)
    books.correct_book(book_id=added.book_id, **{**GOOD, "title": "Omens"}, now=now)
    books.withdraw_book(book_id=added.book_id, now=now)

    assert [each.isbn13 for each in events("book.created")] == ["9780060853983"]
    assert [each.title for each in events("book.updated")] == ["Omens"]
    assert [each.book_id for each in events("book.deleted")] == [added.book_id]


@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ({"title": "  "}, InvalidDescription),
        ({"authors": []}, InvalidDescription),
        ({"authors": [" "]}, InvalidDescription),
        ({"isbn": "9780060853984"}, InvalidIsbn),
    ],
)
def test_an_empty_title_or_author_or_a_malformed_isbn_is_refused(
    db, events, now, wrong, refusal
):
    with pytest.raises(refusal):
        books.add_book(**{**GOOD, **wrong}, now=now)

    assert events("book.created") == []


def test_blanks_around_good_ones_are_trimmed(db, now):
    added = books.add_book(
        title="  Good Omens ",
        authors=[" Terry Pratchett  "],
        isbn=" 9780060853983 ",
        now=now,
    )

    assert (added.title, added.authors) == ("Good Omens", ("Terry Pratchett",))
    assert added.isbn13 == "9780060853983"
