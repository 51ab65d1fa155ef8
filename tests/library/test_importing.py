from __future__ import annotations

from pathlib import Path

import pytest

import library.catalog
from library.catalog.importing import import_csv
from library.catalog.models import Book
from library.refusals import Refusal
from outbox.models import Event

SAMPLE = Path(library.catalog.__path__[0]) / "sample.csv"


@pytest.fixture
def a_file(tmp_path):
    def make(text, name="books.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return make


def test_the_sample_comes_in_whole_and_only_once(db, now):
    first = import_csv(SAMPLE, now=now)
    again = import_csv(SAMPLE, now=now)

    assert (len(first.added), first.warnings, first.rejected) == (40, [], [])
    assert (len(again.added), again.known) == (0, 40)
    assert Book.objects.count() == Event.objects.count() == 40


def test_a_row_with_a_wrong_isbn_comes_in_without_it(db, now, a_file):
    path = a_file("book_id,title,authors,isbn\n1,T,A,123456788\n")

    report = import_csv(path, now=now)

    book = Book.objects.get()
    assert (book.isbn13, book.isbn_given) == (None, "123456788")
    assert report.warnings[0].startswith("line 2: invalid_isbn")


def test_a_row_that_cannot_be_taken_does_not_keep_the_others_out(db, now, a_file):
    path = a_file(
        "book_id,title,authors,isbn\n"
        "1,,A,\n"
        "2,T,A,0306406152\n"
        "3,The same again,A,9780306406157\n"
        "4,U,,\n"
        "5,V,A; B,\n"
    )

    report = import_csv(path, now=now)

    assert [event.title for event in report.added] == ["T", "V"]
    assert [line.split(": ")[:2] for line in report.rejected] == [
        ["line 2", "invalid_description"],
        ["line 5", "invalid_description"],
        ["line 4", "isbn_taken"],
    ]
    assert Book.objects.get(title="V").authors == ["A", "B"]


def test_a_spreadsheets_number_is_read_as_a_year(db, now, a_file):
    path = a_file(
        "book_id,title,authors,original_publication_year\n"
        "1,T,A,-750.0\n2,U,A,unknown\n3,V,A,1e999\n"
    )

    import_csv(path, now=now)

    assert dict(Book.objects.values_list("title", "year")) == {
        "T": -750,
        "U": None,
        "V": None,
    }


def test_subjects_are_separated_by_semicolons(db, now, a_file):
    import_csv(a_file('title,authors,subjects\nT,A,"Ships; War, naval;"\n'), now=now)

    assert Book.objects.get().subjects == ["Ships", "War, naval"]


def test_a_file_without_the_columns_is_refused(db, now, a_file):
    with pytest.raises(Refusal, match="no column authors"):
        import_csv(a_file("title\nT\n"), now=now)


def test_a_batch_costs_few_queries(db, now, django_assert_num_queries):
    with django_assert_num_queries(11):
        import_csv(SAMPLE, now=now)
