from __future__ import annotations

from functools import partial, wraps
from unittest.mock import Mock

import pytest
from django.db import connection
from django.dispatch import Signal
from django.test.utils import CaptureQueriesContext

from library.catalog.books import add_book
from library.catalog.models import Book, Copy
from library.lending.events import CopyBorrowed
from library.members.models import User
from library.signals import book_borrowed, book_created
from outbox import checks, relay, routes, sequencer
from outbox.channels import signals
from outbox.models import Attempt, Delivery, Event, Route, Status


@pytest.fixture
def connected():
    """Connect receivers for one test, under names of their own."""
    made = []

    def connect(signal, receiver, name):
        signal.connect(receiver, dispatch_uid=name, weak=False)
        made.append((signal, receiver, name))
        routes.sync_channel(signals)

    yield connect
    for signal, receiver, name in made:
        signal.disconnect(receiver, dispatch_uid=name)


def deliver_all():
    """Deliver until nothing is owed any more; return how many rounds it took."""
    rounds = 0
    while sequencer.sequence_all() + relay.deliver_batch(signals):
        rounds += 1
        assert rounds < 20, "receivers set one another off without end"


def test_a_receiver_hears_of_a_borrow_with_the_rows_it_concerns(db, connected, a_loan):
    heard = []
    connected(book_borrowed, lambda **kwargs: heard.append(kwargs), "test.heard")
    loan = a_loan()

    deliver_all()

    (kwargs,) = heard
    assert kwargs["signal"] is book_borrowed
    assert kwargs["sender"] is CopyBorrowed
    assert kwargs["event"] == loan
    assert kwargs["book"].id == loan.book_id
    assert kwargs["copy"].id == loan.copy_id
    assert kwargs["user"].id == loan.member_id


def test_a_receiver_hears_only_after_it_is_delivered(db, connected, a_book):
    heard = []
    connected(book_created, lambda **kwargs: heard.append(1), "test.heard")

    a_book()

    assert heard == []


def test_each_receiver_has_its_own_delivery(db, connected, a_book):
    def fail(**kwargs):
        raise RuntimeError("not today")

    heard = []
    connected(book_created, fail, "test.fails")
    connected(book_created, lambda **kwargs: heard.append(1), "test.hears")
    a_book()

    deliver_all()

    assert heard == [1]
    assert dict(Delivery.objects.values_list("destination", "status")) == {
        "test.fails": Status.PENDING,
        "test.hears": Status.DELIVERED,
    }
    assert Attempt.objects.get(outcome="RuntimeError").answer.startswith(
        "at test_signals.py:"
    )


def test_a_receiver_that_calls_an_operation_does_not_set_itself_off(db, connected, now):
    def add_the_sequel(event, **kwargs):
        add_book(title=f"{event.title} II", authors=event.authors, now=now)

    connected(book_created, add_the_sequel, "test.sequel")
    add_book(title="Dune", authors=["Frank Herbert"], now=now)

    deliver_all()

    assert sorted(Book.objects.values_list("title", flat=True)) == ["Dune", "Dune II"]


def test_two_receivers_do_not_set_each_other_off_for_ever(db, connected, now):
    def adds(suffix):
        return lambda event, **kwargs: add_book(
            title=event.title + suffix, authors=["A"], now=now
        )

    connected(book_created, adds("a"), "test.a")
    connected(book_created, adds("b"), "test.b")
    add_book(title="T", authors=["A"], now=now)

    deliver_all()

    assert sorted(Book.objects.values_list("title", flat=True)) == [
        "T",
        "Ta",
        "Tab",
        "Tb",
        "Tba",
    ]


def test_an_event_says_what_caused_it(db, connected, now):
    connected(
        book_created,
        lambda event, **kwargs: add_book(title="Sequel", authors=["A"], now=now),
        "test.sequel",
    )
    add_book(title="First", authors=["A"], now=now)

    deliver_all()

    first, sequel = Event.objects.order_by("seq")
    assert sequel.metadata["actor"] == "receiver:test.sequel"
    assert sequel.metadata["causation_id"] == str(first.id)
    assert sequel.metadata["correlation_id"] == first.metadata["correlation_id"]
    assert sequel.metadata["caused_by"] == ["test.sequel"]


def test_a_removed_receiver_leaves_nothing_stuck(db, connected, a_book):
    connected(book_created, lambda **kwargs: None, "test.gone")
    a_book()
    sequencer.sequence_all()
    book_created.disconnect(dispatch_uid="test.gone")
    routes.sync_channel(signals)

    relay.deliver_batch(signals)

    assert not Route.objects.filter(active=True).exists()
    assert Delivery.objects.get().status == Status.DEAD


def test_an_event_without_a_signal_any_more_leaves_nothing_stuck(
    db, connected, a_book, monkeypatch
):
    connected(book_created, lambda **kwargs: None, "test.gone")
    a_book()
    sequencer.sequence_all()
    monkeypatch.setattr(signals, "signals", dict)
    routes.sync_channel(signals)

    relay.deliver_batch(signals)

    owed = Delivery.objects.get()
    assert owed.status == Status.DEAD
    assert owed.error.startswith("receiver_unknown: no receiver is connected under")


def test_an_old_worker_leaves_a_new_receiver_to_the_new_ones(db, a_book):
    Route.objects.create(
        channel="signals", destination="only.new.code", event_type="book.created"
    )
    a_book()
    sequencer.sequence_all()

    relay.deliver_batch(signals)

    owed = Delivery.objects.get()
    assert (owed.status, owed.attempts) == (Status.PENDING, 0)


class Callables:
    def __call__(self, **kwargs):
        """Be called."""

    def method(self, **kwargs):
        """Be called."""


def local_receiver(**kwargs):
    def inner(**kwargs):
        """Be called."""

    return inner


@pytest.mark.parametrize(
    ("receivers", "why"),
    [
        ([lambda **kwargs: None], "not its own"),
        ([local_receiver()], "not its own"),
        ([partial(local_receiver, a=1)], "not its own"),
        ([Callables(), Callables()], "which 2 of them are"),
        ([Callables().method, Callables().method], "which 2 of them are"),
    ],
)
def test_receivers_need_a_name_of_their_own(made_known, receivers, why):
    for receiver in receivers:
        made_known(receiver)

    (problem,) = checks.check_wiring()

    assert problem.id == "outbox.E003"
    assert why in problem.msg
    assert "dispatch_uid" in problem.hint


@pytest.mark.parametrize("receiver", [Callables(), Callables().method])
def test_one_of_a_kind_has_a_name_of_its_own(made_known, receiver):
    made_known(receiver)

    assert checks.check_wiring() == []


@pytest.mark.parametrize(("length", "sound"), [(200, True), (201, False)])
def test_a_name_has_200_characters_at_most(made_known, length, sound):
    made_known(local_receiver(), dispatch_uid="x" * length)

    assert (checks.check_wiring() == []) is sound


def test_a_dispatch_uid_gives_anything_a_name(made_known):
    made_known(lambda **kwargs: None, dispatch_uid="test.one")
    made_known(lambda **kwargs: None, dispatch_uid="test.two")

    assert checks.check_wiring() == []


@pytest.fixture
def made_known():
    """Connect receivers for one test, as Django code does."""
    made = []

    def connect(receiver, dispatch_uid=None):
        book_created.connect(receiver, weak=False, dispatch_uid=dispatch_uid)
        made.append((receiver, dispatch_uid))

    yield connect
    for receiver, dispatch_uid in made:
        book_created.disconnect(receiver, dispatch_uid=dispatch_uid)


def a_plain_receiver(**kwargs):
    """A receiver with a dotted path."""


def test_a_receiver_is_named_after_its_dispatch_uid_or_its_path():
    signal = Signal()
    signal.connect(a_plain_receiver)
    signal.connect(a_plain_receiver, dispatch_uid="mail.welcome")

    names = [name for name, _ in signals.receivers_of(signal, sender=object())]

    assert names == [f"{__name__}.a_plain_receiver", "mail.welcome"]


def test_an_async_receiver_is_called_too(db, connected, a_book):
    heard = []

    async def hear(**kwargs):
        heard.append(1)

    connected(book_created, hear, "test.async")
    a_book()

    deliver_all()

    assert heard == [1]


# --- the rows that an event is about


class NamesABook:
    def __call__(self, sender, book, **kwargs):
        """Be called."""

    def method(self, book, **kwargs):
        """Be called."""


def names_a_book(*, book, **kwargs):
    """Be called."""


def names_the_event(sender, event, **kwargs):
    """Be called."""


def names_nothing(sender, **kwargs):
    """Be called."""


@wraps(names_a_book)
def wrapped(*args, **kwargs):
    """Be called."""


ALL = {"book", "copy", "user"}


@pytest.mark.parametrize(
    ("receiver", "rows"),
    [
        (names_a_book, {"book"}),
        (wrapped, {"book"}),
        (NamesABook(), {"book"}),
        (NamesABook().method, {"book"}),
        (names_the_event, set()),
        (names_nothing, ALL),
        (lambda **kwargs: None, ALL),
        (lambda *args, **kwargs: None, ALL),
        (Mock(), ALL),
        (partial(names_a_book, more=None), {"book"}),
    ],
)
def test_a_receiver_is_told_the_rows_that_it_names(receiver, rows):
    asked_for = signals.asked_for_by(receiver)

    assert {name for name in ALL if asked_for(name)} == rows


def test_rows_that_a_receiver_does_not_name_are_not_looked_up(db, connected, a_loan):
    connected(book_borrowed, names_the_event, "test.event")
    a_loan()
    sequencer.sequence_all()

    with CaptureQueriesContext(connection) as asked:
        relay.deliver_batch(signals)

    tables = (Book._meta.db_table, Copy._meta.db_table, User._meta.db_table)
    assert Delivery.objects.get().status == Status.DELIVERED
    assert not [
        each["sql"]
        for each in asked
        if any(f'"{name}"' in each["sql"] for name in tables)
    ]


def test_a_batch_reads_its_events_together(db, connected, a_book):
    heard = []
    connected(book_created, lambda event, **kwargs: heard.append(event.title), "test.h")
    for title in ("One", "Two", "Three"):
        a_book(title=title)
    sequencer.sequence_all()

    with CaptureQueriesContext(connection) as asked:
        assert relay.deliver_batch(signals) == 3

    assert heard == ["One", "Two", "Three"]
    reads = [each["sql"] for each in asked if 'FROM "outbox_event"' in each["sql"]]
    assert len(reads) == 1
