from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from library.catalog import books, copies, rules
from library.catalog.models import Book, Copy
from library.catalog.refusals import (
    BarcodeTaken,
    InvalidBarcode,
    InvalidDescription,
    InvalidIsbn,
    IsbnTaken,
    UnknownBook,
    UnknownCopy,
)
from library.lending import loans
from library.refusals import StillInUse
from outbox.models import Event
from tests.threads import at_once

ISBN = "978-0-306-40615-7"


def add(now, **more):
    return books.add_book(**{"title": "Dune", "authors": ["F. H."], "now": now, **more})


def test_a_book_is_added_once_with_its_blanks_trimmed(db, now):
    added = add(now, title="  Dune ", authors=[" Frank Herbert "], isbn=f" {ISBN} ")

    book = Book.objects.get()
    assert (book.id, book.title, book.authors) == (
        added.book_id,
        "Dune",
        ["Frank Herbert"],
    )
    assert (book.isbn13, book.isbn_given) == ("9780306406157", ISBN)
    assert Event.objects.get().type == "book.created"


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": "  "},
        {"title": "x" * 2_001},
        {"authors": []},
        {"authors": [" "]},
        {"authors": ["x" * 501]},
        {"year": 3_000},
        {"language": "x" * 17},
        {"subjects": [" "]},
        {"subjects": ["x" * 501]},
        {"subjects": ["a\0b"]},
    ],
)
def test_a_book_without_a_sound_description_is_refused(db, now, wrong):
    with pytest.raises(InvalidDescription):
        add(now, **wrong)

    assert not Event.objects.exists()


@pytest.mark.parametrize("isbn", ["978-0-306-40615-8", "12", "none", "97803064061577"])
def test_a_malformed_isbn_is_refused(db, now, isbn):
    with pytest.raises(InvalidIsbn):
        add(now, isbn=isbn)


@pytest.mark.parametrize(
    ("given", "isbn13"),
    [
        ("", None),
        ("439023483", "9780439023481"),  # nine digits: a leading zero was lost
        ("0-439-02348-3", "9780439023481"),
        ("9780439023481", "9780439023481"),
        ("080442957X", "9780804429573"),
    ],
)
def test_an_isbn_is_read_as_it_is_written(given, isbn13):
    assert rules.isbn13(given) == isbn13


def test_an_isbn_stands_for_one_live_book(db, now):
    first = add(now, isbn=ISBN)

    with pytest.raises(IsbnTaken) as refusal:
        add(now, isbn="0306406152")

    assert refusal.value.facts["book_id"] == first.book_id


def test_a_withdrawn_books_isbn_is_free_again(db, now):
    books.withdraw_book(book_id=add(now, isbn=ISBN).book_id, now=now)

    assert add(now, isbn=ISBN).isbn13 == "9780306406157"


def test_a_book_is_corrected(db, now):
    book_id = add(now, isbn=ISBN).book_id

    books.correct_book(
        book_id=book_id, title="Dune II", authors=["F. H."], isbn=ISBN, now=now
    )

    assert Book.objects.get().title == "Dune II"


def test_a_book_has_subjects_each_once(db, now):
    given = [" Deserts  in fiction ", "Ecology", "Ecology", "x" * 500]

    book_id = add(now, subjects=given).book_id
    books.correct_parts_of_book(book_id=book_id, title="Dune II", now=now)

    assert Book.objects.get().subjects == ["Deserts in fiction", "Ecology", "x" * 500]


def test_correcting_a_part_keeps_a_number_that_never_held(db, now):
    described = replace(
        rules.describe(title="Dune", authors=["F. H."]), isbn_given="12345678"
    )
    (added,) = books.add_books(new=[books.NewBook(described=described)], now=now)

    books.correct_parts_of_book(book_id=added.book_id, title="Dune II", now=now)

    book = Book.objects.get()
    assert (book.title, book.isbn_given, book.isbn13) == ("Dune II", "12345678", None)


def test_a_book_is_not_corrected_to_another_ones_isbn(db, now):
    add(now, isbn=ISBN)
    other = add(now)

    with pytest.raises(IsbnTaken):
        books.correct_book(
            book_id=other.book_id, title="T", authors=["A"], isbn=ISBN, now=now
        )


def test_a_book_with_a_copy_on_loan_is_not_withdrawn(db, a_loan, now):
    loan = a_loan()

    with pytest.raises(StillInUse) as refusal:
        books.withdraw_book(book_id=loan.book_id, now=now)

    assert refusal.value.facts["blockers"] == [loan.loan_id]
    assert Book.objects.get().withdrawn_at is None


def test_a_withdrawn_book_takes_its_copies_with_it(db, a_copy, now):
    copy_id = a_copy()

    books.withdraw_book(book_id=Copy.objects.get().book_id, now=now)

    assert not Copy.objects.live().exists()
    with pytest.raises(UnknownCopy):
        copies.remove_copy(copy_id=copy_id, now=now)


@pytest.mark.parametrize(
    "change",
    [
        lambda now: books.withdraw_book(book_id=uuid4(), now=now),
        lambda now: copies.add_copy(book_id=uuid4(), barcode="1", now=now),
        lambda now: books.correct_book(
            book_id=uuid4(), title="T", authors=["A"], now=now
        ),
    ],
)
def test_an_unknown_book_is_refused_and_nothing_recorded(db, now, change):
    with pytest.raises(UnknownBook):
        change(now)

    assert not Event.objects.exists()


def test_a_barcode_is_upper_cased_and_stands_for_one_copy(db, a_book, a_copy, now):
    a_copy(barcode=" abc1 ")

    with pytest.raises(BarcodeTaken):
        a_copy(barcode="ABC1")

    assert Copy.objects.get().barcode == "ABC1"


@pytest.mark.parametrize("barcode", ["", " ", "a b", "x" * 65])
def test_a_barcode_that_cannot_be_scanned_is_refused(db, a_book, now, barcode):
    with pytest.raises(InvalidBarcode):
        copies.add_copy(book_id=a_book(), barcode=barcode, now=now)


def test_many_at_once_with_one_isbn_make_one_book(committed_db, now):
    answers = at_once(6, lambda number: add(now, isbn=ISBN))

    codes = [getattr(answer, "code", "added") for answer in answers]
    assert sorted(codes) == ["added"] + ["isbn_taken"] * 5


def test_many_at_once_with_one_barcode_make_one_copy(committed_db, a_book, now):
    book_ids = [a_book() for _ in range(6)]

    answers = at_once(
        6,
        lambda number: copies.add_copy(
            book_id=book_ids[number], barcode="SAME", now=now
        ),
    )

    codes = [getattr(answer, "code", "added") for answer in answers]
    assert sorted(codes) == ["added"] + ["barcode_taken"] * 5


def test_a_copy_borrowed_while_its_book_is_withdrawn_is_one_or_the_other(
    committed_db, a_copy, a_member, now
):
    copy_id, member_id = a_copy(), a_member()
    book_id = Copy.objects.get().book_id

    answers = at_once(
        2,
        lambda number: (
            books.withdraw_book(book_id=book_id, now=now)
            if number
            else loans.borrow_copy(copy_id=copy_id, member_id=member_id, now=now)
        ),
    )

    refused = {getattr(answer, "code", None) for answer in answers} - {None}
    assert refused in ({"still_in_use"}, {"unknown_copy"})


def test_titles_and_names_are_kept_in_one_line(db, a_book):
    book_id = a_book(title="Oʻtkan\r\nkunlar ", authors=["Abdulla\tQodiriy"])

    book = Book.objects.get(id=book_id)
    assert (book.title, book.authors) == ("Oʻtkan kunlar", ["Abdulla Qodiriy"])


@pytest.mark.parametrize("field", ["title", "authors"])
def test_a_control_character_is_refused_where_a_letter_quotes_it(db, a_book, field):
    text = "Oʻtkan\x1b[2Jkunlar"

    with pytest.raises(InvalidDescription) as refusal:
        a_book(**{field: text if field == "title" else [text]})

    assert refusal.value.facts["field"] == field
