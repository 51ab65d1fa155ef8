from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import OperationalError, transaction

from library.catalog import books
from library.catalog.events import BookCreated
from library.lending import loans
from outbox import codec, sequencer
from outbox.errors import UnknownEventType
from outbox.models import Position
from projections import feed, registry
from projections.models import Availability, Checkpoint, DueLoan, Shelf
from projections.questions.availability import availability
from projections.questions.due_loans import due_loans
from projections.rebuild import rebuild
from tests.threads import in_thread


def read_on():
    sequencer.sequence_all()
    return feed.catch_up_all()


def test_a_loan_is_on_the_shelf_and_due(db, a_loan, a_book, a_copy):
    book = a_book(title="Mehrobdan chayon")
    a_copy(book)
    loan = a_loan(copy_id=a_copy(book))

    read_on()

    on_shelf = Shelf.objects.at_home(loan.member_id).get()
    assert (on_shelf.loan_id, on_shelf.due_at) == (loan.loan_id, loan.due_at)
    assert DueLoan.objects.get().copy_id == loan.copy_id
    stock = Availability.objects.get()
    assert (stock.title, stock.available, stock.copies) == ("Mehrobdan chayon", 1, 2)


def test_a_returned_copy_is_available_and_stays_in_the_history(db, a_loan, now):
    loan = a_loan()
    read_on()
    loans.return_copy(copy_id=loan.copy_id, now=now + timedelta(days=3))

    read_on()

    assert not DueLoan.objects.exists()
    assert not Shelf.objects.at_home(loan.member_id).exists()
    brought_back = Shelf.objects.history(loan.member_id).get()
    assert brought_back.returned_at == now + timedelta(days=3)
    assert Availability.objects.on_shelf().get().available == 1


def test_a_loan_is_overdue_only_after_its_last_moment(db, a_loan):
    loan = a_loan()
    read_on()

    at_the_moment = DueLoan.objects.overdue(loan.due_at)
    after_it = DueLoan.objects.overdue(loan.due_at + timedelta(microseconds=1))

    assert not at_the_moment.exists()
    assert after_it.get().loan_id == loan.loan_id


def test_a_withdrawn_book_keeps_its_title_and_is_not_available(db, a_book, a_copy, now):
    book = a_book(title="Qutlugʻ qon")
    a_copy(book)
    books.withdraw_book(book_id=book, now=now)

    read_on()

    assert not Availability.objects.live().exists()
    assert Availability.objects.get(book_id=book).title == "Qutlugʻ qon"


def test_reading_on_counts_each_event_once_for_each_read_model(db, a_book):
    a_book()
    a_book()

    first, second = read_on(), read_on()

    assert (first, second) == (2 * len(registry.read_models()), 0)


def test_a_batch_has_at_most_as_many_events_as_it_may(db, a_book, monkeypatch):
    monkeypatch.setattr(feed, "BATCH", 2)
    for _ in range(3):
        a_book()
    sequencer.sequence_all()

    batches = [feed.catch_up(availability) for _ in range(3)]

    assert batches == [2, 1, 0]
    assert Availability.objects.count() == 3


def test_an_event_without_a_position_is_not_read(db, a_book):
    a_book()

    assert feed.catch_up_all() == 0


def test_an_event_that_commits_late_is_not_skipped(committed_db, a_book):
    written, may_commit = threading.Event(), threading.Event()

    def commit_late():
        with transaction.atomic():
            a_book(title="first written")
            written.set()
            may_commit.wait(10)

    slow = in_thread(commit_late)
    assert written.wait(10)
    a_book(title="first committed")
    read_on()
    early = set(Availability.objects.values_list("title", flat=True))

    may_commit.set()
    slow.join()
    read_on()

    assert early == {"first committed"}
    assert Availability.objects.count() == 2
    by_position = list(Position.objects.order_by("position").values_list("seq"))
    assert by_position == sorted(by_position, reverse=True)


def test_two_that_read_on_take_turns(committed_db, a_book):
    a_book()
    sequencer.sequence_all()
    folded = []

    def catch_up():
        folded.append(feed.catch_up(availability))

    with transaction.atomic():
        catch_up()
        second = in_thread(catch_up)
        second.join(0.3)
        waits = second.is_alive()
    second.join()

    assert waits
    assert folded == [1, 0]


def row_for(event, **wrong):
    return availability.Row(book_id=event.book_id, title=event.title, **wrong)


def poisoned(row, event):
    if event.title == "poison":
        raise ValueError("no such book")
    return row_for(event)


def more_out_than_there_are(row, event):
    return row_for(event, copies=0, on_loan=1)


@pytest.fixture
def added_books_become(monkeypatch):
    """Exchange what availability makes of an added book, until the block ends."""

    @contextmanager
    def exchanged(handle):
        (step,) = availability.steps[BookCreated]
        with monkeypatch.context() as patch:
            wrong = [replace(step, handle=handle)]
            patch.setitem(availability.steps, BookCreated, wrong)
            yield

    return exchanged


def test_an_event_that_cannot_be_taken_stops_its_read_model_and_no_other(
    db, added_books_become, a_book, a_loan, caplog
):
    a_book(title="before")
    a_book(title="poison")
    a_loan()

    with added_books_become(poisoned):
        read_on()
    again = feed.catch_up(availability)

    stopped = Checkpoint.objects.get(name="availability")
    culprit = Position.objects.get(position=2).event_id
    assert (stopped.position, stopped.event_id) == (1, culprit)
    assert stopped.error == "ValueError: no such book"
    assert stopped.stopped_at is not None
    assert again == 0
    assert Availability.objects.get().title == "before"
    assert DueLoan.objects.count() == 1
    (shout,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert str(culprit) in shout.getMessage()


def test_a_stopped_read_model_goes_on_once_its_fold_is_right(
    db, added_books_become, a_book
):
    a_book(title="poison")
    with added_books_become(poisoned):
        read_on()

    rebuild(availability)
    a_book(title="after")
    read_on()

    assert Availability.objects.count() == 2
    assert Checkpoint.objects.get(name="availability").error == ""


def test_a_row_that_the_table_refuses_is_poison_too(db, added_books_become, a_book):
    a_book()

    with added_books_become(more_out_than_there_are):
        read_on()

    assert "IntegrityError" in Checkpoint.objects.get(name="availability").error
    assert Checkpoint.objects.get(name="shelves").position == 1


def test_an_event_that_only_newer_code_knows_waits_for_it(db, a_book, monkeypatch):
    a_book()
    monkeypatch.setattr(codec, "event_types", dict)

    with pytest.raises(ExceptionGroup) as pause:
        read_on()
    monkeypatch.undo()
    read_on()

    assert pause.group_contains(UnknownEventType, match="'book.created'")
    assert Checkpoint.objects.get(name="availability").position == 1


def test_a_fault_of_the_database_is_a_pause_and_no_poison(db, a_loan, monkeypatch):
    a_loan()
    sequencer.sequence_all()
    apply = feed.apply

    def apply_unless_due_loans(folds, events):
        if folds == [due_loans]:
            raise OperationalError("server closed the connection")
        apply(folds, events)

    monkeypatch.setattr(feed, "apply", apply_unless_due_loans)
    with pytest.raises(ExceptionGroup) as pause:
        feed.catch_up_all()
    monkeypatch.undo()
    feed.catch_up_all()

    assert pause.group_contains(OperationalError)
    assert DueLoan.objects.count() == Shelf.objects.count() == 1


def test_where_all_is_read_two_questions_tell(db, a_loan, django_assert_num_queries):
    a_loan()
    read_on()

    with django_assert_num_queries(2):  # where the log ends; where each of them is
        assert feed.catch_up_all() == 0


def test_what_several_read_models_want_is_read_once(db, a_member, monkeypatch):
    a_member()
    sequencer.sequence_all()
    asked = []
    decode = codec.decode
    monkeypatch.setattr(
        codec, "decode", lambda *stored: asked.append(stored) or decode(*stored)
    )

    feed.catch_up_all()

    assert len(asked) == Position.objects.count() > 0


def test_what_is_more_than_a_batch_is_read_to_the_end(db, a_book, monkeypatch):
    monkeypatch.setattr(feed, "BATCH", 2)
    for _ in range(5):
        a_book()

    read_on()

    assert Availability.objects.count() == 5
    assert not Checkpoint.objects.exclude(position=5).exists()
