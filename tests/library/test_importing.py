from __future__ import annotations

import csv
import json
import os
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

import library.catalog
from library.catalog import csv_records, importing, rejects
from library.catalog.importing import import_csv
from library.catalog.models import Book
from library.catalog.records import FileUnreadable
from library.members import preferences
from library.members.models import User
from library.news import announcements
from library.news.letters import KIND
from library.refusals import Refusal
from outbox import relay, routes, sequencer
from outbox.channels import letters
from outbox.channels.webhooks import endpoints
from outbox.models import Delivery, Event

SAMPLE = Path(library.catalog.__path__[0]) / "sample.csv"


@pytest.fixture
def a_file(tmp_path):
    def make(text, name="books.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return make


def noted(report):
    """Return where a file's rejects stood and their codes, in order."""
    return [(each.note.number, each.note.code) for each in report.rejected]


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
    assert str(report.warnings[0]).startswith("line 2: invalid_isbn")


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
    assert noted(report) == [
        (2, "invalid_description"),
        (4, "isbn_taken"),
        (5, "invalid_description"),
    ]
    assert "Line 3 has the ISBN" in report.rejected[1].note.reason
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


def test_authors_are_separated_by_semicolons_or_where_none_is_by_commas(
    db, now, a_file
):
    lines = ["A B, C D", "Ford Motor, Inc.;", "A, Jr.; B", "A;B"]
    cells = "".join(f'{n},T,"{each}"\n' for n, each in enumerate(lines))

    import_csv(a_file(f"id,title,authors\n{cells}"), now=now)

    in_order = Book.objects.order_by("source_key")
    assert list(in_order.values_list("authors", flat=True)) == [
        ["A B", "C D"],
        ["Ford Motor, Inc."],
        ["A, Jr.", "B"],
        ["A", "B"],
    ]


def test_two_rows_with_one_key_are_two_books_of_which_one_is_rejected(db, now, a_file):
    path = a_file("book_id,title,authors\n1,T,A\n2,U,A\n1,V,A\n")

    first, again = import_csv(path, now=now), import_csv(path, now=now)

    assert (len(first.added), noted(first)) == (2, [(4, "source_key_taken")])
    assert (again.known, noted(again)) == (2, [(4, "source_key_taken")])
    assert "Line 2 has the key 'books:1'" in str(first.rejected[0].note)


def test_a_row_with_the_number_of_a_book_that_is_there_is_rejected(
    db, now, a_file, a_book
):
    book_id = a_book(isbn="9780306406157")

    report = import_csv(a_file("title,authors,isbn\nT,A,0306406152\n"), now=now)

    assert noted(report) == [(2, "isbn_taken")]
    assert str(book_id) in report.rejected[0].note.reason


STRANGE = {
    "too few cells": (b"1,T\n", "ragged_row"),
    "too many cells": (b"1,T,A,,,\n", "ragged_row"),
    "a NUL": (b"1,T\0,A,\n", "control_character"),
    "a control character": (b"1,T\x01,A,\n", "invalid_description"),
    "Latin-1": ("1,Caf\u00e9,A,\n".encode("latin-1"), "wrong_encoding"),
    "a lone surrogate": (b"1,T\xed\xa0\x80,A,\n", "wrong_encoding"),
    "a huge field": (b"1," + b"x" * 200_000 + b",A,\n", "unreadable_row"),
    "a long title": (b"1," + b"x" * 2_001 + b",A,\n", "invalid_description"),
    "a long language": (b"1,T,A," + b"x" * 17 + b"\n", "invalid_description"),
}


@pytest.mark.parametrize("row", STRANGE)
def test_a_strange_row_is_rejected_and_the_next_comes_in(db, now, tmp_path, row):
    strange, code = STRANGE[row]
    path = tmp_path / "books.csv"
    path.write_bytes(b"id,title,authors,language\n0,S,A,\n" + strange + b"2,U,B,uz\n")

    report = import_csv(path, now=now)

    assert noted(report) == [(3, code)]
    assert sorted(Book.objects.values_list("title", flat=True)) == ["S", "U"]


def test_a_quote_that_nothing_closes_costs_what_it_swallows_alone(db, now, a_file):
    swallowed = "".join(f"{n},T{n},A\n" for n in range(2, 20_000))
    rest = "".join(f"{n},U{n},A\n" for n in range(20_000, 20_010))

    path = a_file(f'id,title,authors\n1,"T,A\n{swallowed}{rest}')
    report = import_csv(path, now=now)

    assert noted(report)[0] == (2, "unreadable_row")
    assert Book.objects.filter(title="U20009").exists()
    assert report.records == len(report.added) + len(report.rejected)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"title\nT\n",
        "title,authors\nT,A\n".encode("utf-16"),
        b"PK\x03\x04\x14\0\0\0",
        b'"' + b"x" * 200_000,
        b"t\xeftle,authors\n",
    ],
)
def test_a_file_that_is_no_list_of_books_is_a_clear_error(db, now, tmp_path, content):
    path = tmp_path / "books.csv"
    path.write_bytes(content)

    with pytest.raises(FileUnreadable):
        import_csv(path, now=now)


def test_a_file_may_be_in_another_encoding(db, now, tmp_path):
    path = tmp_path / "books.csv"
    path.write_bytes("title,authors\nКунлар,Қодирий\n".encode("utf-16"))

    with csv_records.opened(path, source="b", encoding="utf-16") as file:
        (report,) = importing.batches(file, now=now)

    assert [each.authors for each in report.added] == [("Қодирий",)]


def counts(file, **more):
    reports = list(importing.batches(file, **more))
    return {
        "added": sum(len(each.added) for each in reports),
        "known": sum(each.known for each in reports),
        "warnings": sum(len(each.warnings) for each in reports),
        "rejected": sum(len(each.rejected) for each in reports),
    }


def test_a_dry_run_writes_nothing_and_says_the_same(
    db, now, a_file, a_book, monkeypatch
):
    monkeypatch.setattr(importing, "BATCH", 2)
    a_book(isbn="9780306406157")
    path = a_file(
        "id,title,authors,isbn\n1,T,A,0306406152\n2,T,A,9783161484100\n3,T,A,1\n"
        "4,,A,\n5,T,A,316148410X\n2,T,A,\n6,T,A,9783161484100\n7,T,A,\n"
    )
    before = Event.objects.count()

    def imported(**more):
        with csv_records.opened(path, source="b") as file:
            return counts(file, now=now, **more)

    dry = imported(dry_run=True)
    assert (Event.objects.count(), Book.objects.count()) == (before, 1)
    assert dry == imported()
    assert dry == {"added": 3, "known": 0, "warnings": 1, "rejected": 5}
    assert imported(dry_run=True) == imported()


def test_rejects_can_be_corrected_and_imported(db, now, a_file, tmp_path):
    path = a_file(
        "book_id,title,authors,shelf\n1,T,A,a\n,,B,b\n7,U,A\n8,,,c\n9,V,A,d,e\n"
    )
    rejected = tmp_path / "rejects.csv"

    def imported(path, into):
        with (
            csv_records.opened(path, source="books") as file,
            rejects.opened(into, place=file.place, headings=file.headings) as kept,
        ):
            for report in importing.batches(file, now=now):
                kept.write(report.rejected)

    imported(path, rejected)
    rows = list(csv.reader(rejected.read_text().splitlines()))
    assert rows[0] == [
        *("rejected_line", "rejected_code", "rejected_reason", "source_key"),
        *("book_id", "title", "authors", "shelf"),
    ]
    assert [row[:2] + row[4:] for row in rows[1:]] == [
        ["3", "invalid_description", "", "", "B", "b"],
        ["4", "ragged_row", "7", "U", "A"],
        ["5", "invalid_description", "8", "", "", "c"],
        ["6", "ragged_row", "9", "V", "A", "d", "e"],
    ]
    assert [row[3] for row in rows[1:]] == ["books:3", "books:4", "books:8", "books:6"]

    rows[1][5], rows[3][5:7] = "W", ["X", "C"]  # a title, and title and author
    with rejected.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    again = tmp_path / "again.csv"
    imported(rejected, again)

    in_order = Book.objects.order_by("source_key")
    assert list(in_order.values_list("source_key", "title")) == [
        ("books:1", "T"),
        ("books:3", "W"),
        ("books:8", "X"),
    ]
    left = list(csv.reader(again.read_text().splitlines()))
    assert left[0] == rows[0]
    assert [row[1] for row in left[1:]] == ["ragged_row", "ragged_row"]


def test_imported_books_are_told_to_the_world_and_to_no_reader(db, now, a_member):
    reader = a_member()
    preferences.change_preferences(member_id=reader, at_once=[KIND], now=now)
    owner = User.objects.create_user("owner", email="o@example.org", is_staff=True)
    endpoints.create(owner=owner, url="https://example.org/", event_types=["book.*"])
    routes.sync()

    import_csv(SAMPLE, now=now)
    sequencer.sequence_all()
    while relay.deliver_batch(letters):
        pass

    morning = timezone.now().replace(hour=6, minute=0) + timedelta(days=1)
    assert announcements.announce(now=morning) is None
    owed = Delivery.objects.values_list("channel", "destination")
    assert Counter(channel for channel, _ in owed)["webhooks"] == 40
    letters_owed = [name for channel, name in owed if channel == "emails"]
    assert set(letters_owed) <= {"welcome"}


BOOKS = os.environ.get("BOOKS", "")


@pytest.mark.skipif(not BOOKS, reason="BOOKS names no file")
def test_the_books_of_a_file_come_in_once_however_often(db, now):
    path = Path(BOOKS)

    first = import_csv(path, now=now)
    books = Book.objects.count()
    again = import_csv(path, now=now)

    figures = {
        "records": first.records,
        "added": len(first.added),
        "warnings": len(first.warnings),
        "rejected": len(first.rejected),
        "again": len(again.added),
        "known": again.known,
        "books": Book.objects.count(),
        "events": Event.objects.filter(type="book.created").count(),
    }
    print(f"imported {json.dumps(figures)}")  # noqa: T201 - read by the proof
    assert books == len(first.added) == again.known == figures["events"]
    assert (figures["again"], figures["books"]) == (0, books)
    assert first.records == len(first.added) + len(first.rejected)


def test_a_batch_costs_few_queries(db, now, django_assert_num_queries):
    with django_assert_num_queries(11):
        import_csv(SAMPLE, now=now)
