from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from library.catalog.books import add_book
from outbox import nudge, routes, sweep
from outbox.channels import letters
from outbox.channels.contract import DELIVERED
from outbox.models import Delivery, Position, Route, Status

PATIENCE = 20


@pytest.fixture
def a_sweep(committed_db, monkeypatch, settings):
    """Sweep over one channel that does what the test says; stopped afterwards."""
    started = []

    def make(deliver, followers=(), helpers=None):
        channel = SimpleNamespace(
            NAME="test",
            DEADLINE=10.0,
            RETRIES=(1,),
            IN_TRANSACTION=False,
            BATCH=10,
            PER_DESTINATION=10,
            WORKERS=10,
            GUARDED=False,
            deliver=lambda delivery, ends: deliver(delivery),
        )
        settings.OUTBOX = {**settings.OUTBOX, "FOLLOWERS": list(followers)}
        monkeypatch.setattr(sweep, "channels", lambda: {"test": channel})
        Route.objects.create(channel="test", destination="d", event_type="book.created")
        made = sweep.Sweep(helpers)
        started.append(made)
        made.start()
        return made

    yield make
    for each in started:
        if not each._stopping.is_set():
            assert each.stop(PATIENCE)


def test_the_sweep_delivers_by_itself(a_sweep, now):
    arrived = threading.Event()
    a_sweep(lambda delivery: arrived.set() or DELIVERED)

    add_book(title="T", authors=["A"], now=now)

    assert arrived.wait(PATIENCE)


def test_a_sweep_that_failed_goes_on(a_sweep, monkeypatch, now):
    arrived, failed = threading.Event(), threading.Event()
    sequence = sweep.sequencer.sequence_all

    def fails_once(wake):
        if not failed.is_set():
            failed.set()
            raise RuntimeError("no database for a moment")
        return sequence(wake)

    monkeypatch.setattr(sweep.sequencer, "sequence_all", fails_once)
    a_sweep(lambda delivery: arrived.set() or DELIVERED)

    add_book(title="T", authors=["A"], now=now)

    assert arrived.wait(PATIENCE)
    assert failed.is_set()


@pytest.mark.parametrize(("rounds", "calls"), [(1, []), (2, ["test"]), (5, ["test"])])
def test_who_has_much_to_do_calls_for_help_once_and_goes_on_without_a_pause(
    a_sweep, monkeypatch, rounds, calls
):
    monkeypatch.setattr(sweep, "SHORTEST_PAUSE", 9 * PATIENCE)
    monkeypatch.setattr(sweep, "LONGEST_PAUSE", 9 * PATIENCE)
    turns, called, done = [], [], threading.Event()

    def drain(channel, **how_long):
        turns.append(how_long)
        if len(turns) == rounds:
            done.set()
        return len(turns) < rounds

    monkeypatch.setattr(sweep.relay, "drain", drain)
    a_sweep(None, helpers={"test": lambda: called.append("test")})

    assert done.wait(PATIENCE)
    assert turns == [{"seconds": sweep.ALONE}, *[{}] * (rounds - 1)]
    assert called == calls


def test_stopping_lets_the_attempt_under_way_end(a_sweep, now):
    begun, go_on = threading.Event(), threading.Event()

    def deliver(delivery):
        begun.set()
        go_on.wait(PATIENCE)
        return DELIVERED

    running = a_sweep(deliver)
    add_book(title="T", authors=["A"], now=now)
    begun.wait(PATIENCE)
    threading.Timer(0.05, go_on.set).start()

    assert running.stop(PATIENCE)
    assert Delivery.objects.get().status == Status.DELIVERED
    assert Position.objects.count() == 1


def test_a_commit_rings_the_bell_and_a_rollback_does_not(committed_db, now):
    rung = []
    nudge.listen(lambda: rung.append(1))

    with pytest.raises(Exception, match="title"):
        add_book(title="", authors=["A"], now=now)
    assert rung == []

    add_book(title="T", authors=["A"], now=now)
    assert rung == [1]


def test_the_bell_never_makes_its_ringer_wait():
    entered, leave, sent = threading.Event(), threading.Event(), []

    def send():
        entered.set()
        leave.wait(PATIENCE)
        sent.append(1)

    bell = nudge.Bell(send)
    bell.ring()
    assert entered.wait(PATIENCE)
    for _ in range(1000):  # while a broker hangs: back at once, every time
        bell.ring()
    assert sent == []
    leave.set()


def test_many_rings_become_one_nudge():
    entered, leave, sent = threading.Event(), threading.Event(), threading.Semaphore(0)

    def send():
        entered.set()
        leave.wait(PATIENCE)
        sent.release()

    bell = nudge.Bell(send)
    bell.ring()
    entered.wait(PATIENCE)
    for _ in range(1000):
        bell.ring()
    leave.set()

    assert sent.acquire(timeout=PATIENCE)
    assert sent.acquire(timeout=PATIENCE)
    assert not sent.acquire(timeout=0.2)


def test_a_dead_broker_is_counted_and_rung_again():
    failed, sent = threading.Event(), threading.Event()

    def send():
        if not failed.is_set():
            failed.set()
            raise ConnectionRefusedError
        sent.set()

    bell = nudge.Bell(send)
    bell.ring()
    assert failed.wait(PATIENCE)
    bell.ring()

    assert sent.wait(PATIENCE)
    assert bell.failures == 1


def test_what_was_sequenced_wakes_the_channels_it_is_owed_on(db, now):
    add_book(title="T", authors=["A"], now=now)
    Route.objects.update_or_create(
        channel="webhooks", destination="somebody", event_type="book.created"
    )
    woken = []

    sweep.sequencer.sequence_all(lambda *told: woken.append(told))

    assert woken == [(["webhooks"], 1)]
    assert sweep.sequencer.sequence_all(lambda *told: woken.append(told)) == 0
    assert len(woken) == 1


def test_a_channel_nobody_has_here_wakes_nobody():
    sweeping = sweep.Sweep()

    sweeping.sequenced(["carrier pigeons", "webhooks"], 1)

    rung = {name for name, bell in sweeping._bells.items() if bell.is_set()}
    assert rung == {"webhooks", *sweeping._followers}


def test_an_expanded_letter_leaves_without_waiting_for_the_next_sweep(
    committed_db, monkeypatch, a_member
):
    left = threading.Event()
    emails = SimpleNamespace(
        NAME="emails",
        DEADLINE=10.0,
        RETRIES=(1,),
        IN_TRANSACTION=False,
        BATCH=10,
        PER_DESTINATION=10,
        WORKERS=10,
        deliver=lambda delivery, ends: left.set() or DELIVERED,
    )
    here = {"letters": letters, "emails": emails}
    monkeypatch.setattr(sweep, "channels", lambda: here)
    monkeypatch.setattr(sweep, "SHORTEST_PAUSE", 9 * PATIENCE)
    monkeypatch.setattr(sweep, "LONGEST_PAUSE", 9 * PATIENCE)
    routes.sync()
    running = sweep.Sweep()
    nudge.listen(running.committed)
    running.start()

    a_member()
    soon = left.wait(PATIENCE)

    assert running.stop(PATIENCE)
    assert soon
