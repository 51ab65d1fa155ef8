from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django_outbox_pattern.models import Published

from library.advance import advance
from library.catalog.events import BookCreated, BookDeleted
from library.catalog.models import Book
from library.lending.loans import borrow_copy, return_copy
from outbox import appending, codec, commands, copying, log
from outbox.errors import CommandReused, OutsideTransaction, UnencodableEvent
from outbox.models import Event


def test_nothing_is_recorded_outside_a_transaction(committed_db, now):
    withdrawn = BookDeleted(book_id=uuid4(), withdrawn_at=now)

    with pytest.raises(OutsideTransaction):
        log.record([withdrawn])

    assert not Event.objects.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE outbox_event SET type = 'x'",
        "DELETE FROM outbox_event",
        "TRUNCATE outbox_event",
    ],
)
def test_a_fact_is_never_changed(db, a_book, statement):
    a_book()

    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_a_stream_has_each_version_once(db, a_book):
    a_book()
    row = Event.objects.get()
    row.seq, row.id = None, uuid4()

    with pytest.raises(IntegrityError, match="stream_version"), transaction.atomic():
        Event.objects.bulk_create([row])


def test_every_fact_has_one_outbox_row_with_the_public_message(db, a_loan):
    loan = a_loan()

    row = Event.objects.get(type="book.borrowed")
    outbox_row = Published.objects.get(id=row.id)
    message = json.loads(outbox_row.body)
    assert Published.objects.count() == Event.objects.count()
    assert isinstance(outbox_row.body, str)
    assert outbox_row.destination == message["type"] == "book.borrowed"
    assert message["version"] == row.version == 2
    assert message["data"]["due_at"] == loan.due_at.isoformat()


@pytest.mark.parametrize("many", [copying.MANY - 1, copying.MANY])
def test_few_and_many_facts_are_written_the_same(db, now, many):
    title, authors = '\\N of \t tabs, \n lines and "quotes"', ("{a, b}", "", "\\")
    made = BookCreated(book_id=uuid4(), title=title, authors=authors, created_at=now)
    events = [replace(made, book_id=uuid4()) for _ in range(many - 1)]
    gone = BookDeleted(book_id=events[0].book_id, withdrawn_at=now)

    with transaction.atomic():
        recorded = advance(*events, gone)

    rows = list(Event.objects.order_by("seq"))
    assert [row.version for row in rows] == [1] * (many - 1) + [2]
    assert [(r.id, r.version) for r in rows] == [(r.id, r.version) for r in recorded]
    assert [log.decoded(row) for row in rows] == [*events, gone]
    books = Book.objects.in_bulk()
    assert books.keys() == {event.book_id for event in events}
    assert {(each.title, *each.authors) for each in books.values()} == {
        (title, *authors)
    }
    for row, event in zip(rows, [*events, gone], strict=True):
        row.data = codec.encode(event)  # in the order of the fields, as it is told
        told, again = Published.objects.get(id=row.id), appending.outbox_row(row)
        for name in ("body", "version", "destination", "expires_at", "retry"):
            assert getattr(told, name) == getattr(again, name)
        assert (told.headers, told.status) == (again.headers, again.status)
        assert abs(told.added - row.recorded_at) < timedelta(minutes=1)
        assert row.about == [UUID(row.data["book_id"])]


def test_the_same_version_of_a_stream_is_refused_among_many_too(
    db, a_book, monkeypatch
):
    book_id = a_book()
    monkeypatch.setattr(appending, "versions", lambda streams: Counter())
    gone = BookDeleted(book_id=book_id, withdrawn_at=datetime.now(UTC))
    others = [replace(gone, book_id=uuid4()) for _ in range(copying.MANY)]

    with pytest.raises(IntegrityError, match="stream_version"), transaction.atomic():
        log.record([*others, gone])

    assert Event.objects.count() == Published.objects.count() == 1


def test_a_rolled_back_borrow_leaves_nothing(committed_db, a_copy, a_member, now):
    copy_id, member_id = a_copy(), a_member()
    before = Event.objects.count()

    with transaction.atomic():
        borrow_copy(copy_id=copy_id, member_id=member_id, now=now)
        transaction.set_rollback(True)

    assert Event.objects.count() == Published.objects.count() == before


def test_a_repeated_command_answers_with_the_first_result(db, a_copy, a_member, now):
    command_id, copy_id, member_id = uuid4(), a_copy(), a_member()
    borrow = {"copy_id": copy_id, "member_id": member_id, "now": now}

    first = commands.once(command_id, borrow_copy, **borrow)
    recorded = Event.objects.count()
    again = commands.once(command_id, borrow_copy, **borrow)

    assert first == again
    assert Event.objects.count() == recorded


def test_a_command_id_stands_for_one_request(db, a_copy, a_member, now):
    command_id = uuid4()
    borrow = {"copy_id": a_copy(), "member_id": a_member(), "now": now}
    commands.once(command_id, borrow_copy, body=b"one", **borrow)

    with pytest.raises(CommandReused):
        commands.once(command_id, borrow_copy, body=b"another", **borrow)


def test_a_refused_command_may_be_tried_again(db, a_loan, a_member, now):
    loan, member_id, command_id = a_loan(), a_member(), uuid4()
    borrow = {"copy_id": loan.copy_id, "member_id": member_id, "now": now}
    with pytest.raises(Exception, match="on loan"):
        commands.once(command_id, borrow_copy, **borrow)

    return_copy(copy_id=loan.copy_id, now=now)
    (borrowed,) = commands.once(command_id, borrow_copy, **borrow)

    assert borrowed.member_id == member_id


@pytest.mark.parametrize("title", ["a NUL \0 here", "a lone surrogate \ud800"])
def test_what_cannot_be_stored_is_refused_at_the_door(db, now, title):
    created = BookCreated(book_id=uuid4(), title=title, authors=("A",), created_at=now)

    with pytest.raises(UnencodableEvent), transaction.atomic():
        advance(created)

    assert not Event.objects.exists()


def test_events_come_back_as_they_were(db, now):
    created = BookCreated(
        book_id=uuid4(), title="T", authors=("A", "B"), created_at=now, year=-700
    )

    data = json.loads(json.dumps(codec.encode(created)))

    assert codec.decode("book.created", 1, data) == created


def test_two_events_of_one_stream_get_successive_versions(db, a_book, now):
    book_id = a_book()
    with transaction.atomic():
        advance(
            BookDeleted(book_id=book_id, withdrawn_at=now),
            BookDeleted(book_id=book_id, withdrawn_at=now),
        )

    versions = Event.objects.filter(stream=f"book:{book_id}").values_list(
        "version", flat=True
    )
    assert sorted(versions) == [1, 2, 3]
