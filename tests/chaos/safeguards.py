"""
For each safeguard the smallest situation in which it is all that helps.

Who dies in one is a child of the test's own that is killed at a named point; who
comes late is made to come late. No luck is needed, neither to pass nor to fail.
"""

from __future__ import annotations

import signal
import threading
import time
from datetime import timedelta
from uuid import uuid4

from django.db import connection, transaction

from library.catalog.books import add_book
from outbox import claims, relay, sequencer
from outbox.channels.contract import DELIVERED
from outbox.columns import Now
from outbox.models import Delivery, Event, Position, Route, Status
from outbox.sweep import Sweep
from tests.faults.forks import Fork, wait_until
from tests.faults.inside.faults import kill
from tests.outbox.made_up import a_channel, make_due, owe
from tests.threads import in_thread

PATIENCE = 10
SWEPT_WITHIN = 8.0  # seconds: eight sweeps


def no_fence(now, patch):
    """A relay comes back from a long sleep, with an outcome nobody waits for."""
    with_effect = _channel_with_effect()
    owed = owe()
    (slept_over,) = claims.claim(with_effect)
    make_due()
    relay.deliver_batch(with_effect)

    relay.attempt(with_effect, slept_over, time.monotonic() + PATIENCE)

    assert _effects() == [owed.id]


def charge_at_the_end(now, patch):
    """A delivery takes each relay with it that tries."""
    poison = a_channel()
    owed = owe()

    for _ in range(claims.attempts_allowed(poison) + 1):
        claims.claim(poison)  # and dies
        make_due()

    owed.refresh_from_db()
    assert owed.status == Status.DEAD


def acknowledge_before_commit(now, patch):
    """A relay dies while it sends."""
    deadly, healthy = a_channel(lambda delivery: kill()), a_channel()
    owed = owe()
    _die(lambda: relay.deliver_batch(deadly))
    make_due()

    relay.deliver_batch(healthy)

    assert [each.id for each in healthy.asked] == [owed.id]


def naive_position(now, patch):
    """Of two transactions the one that began first commits last."""
    begun, finish = threading.Event(), threading.Event()

    def slow():
        with transaction.atomic():
            add_book(title="slow", authors=["A"], now=now)
            begun.set()
            finish.wait(PATIENCE)

    thread = in_thread(slow)
    begun.wait(PATIENCE)
    add_book(title="quick", authors=["A"], now=now)
    sequencer.sequence_all()
    finish.set()
    thread.join()
    sequencer.sequence_all()

    assert Position.objects.count() == Event.objects.count() == 2


def no_lease_check(now, patch):
    """A relay is frozen between its claim and its attempt, for longer than a lease."""
    patch(claims, "LEASE", timedelta(seconds=1))
    owed = owe()
    sleeper = Fork(_send_and_tell, at="after_claim:1:stop")
    try:
        sleeper.wait_until_stopped()
        wait_until(Delivery.objects.filter(id=owed.id, due_at__lt=Now()).exists)
        sleeper.send(signal.SIGCONT)

        assert sleeper.told() == []
    finally:
        sleeper.end()


def outbox_row_after_commit(now, patch):
    """A process dies as soon as its transaction is committed."""

    def record_and_die():
        with transaction.atomic():
            transaction.on_commit(kill)
            add_book(title="T", authors=["A"], now=now)

    _die(record_and_die)

    sequencer.sequence_all()
    assert Position.objects.count() == Event.objects.count() == 1


def no_sweep(now, patch):
    """No message ever comes."""
    Route.objects.create(
        channel="webhooks", destination=str(uuid4()), event_type="book.created"
    )
    add_book(title="T", authors=["A"], now=now)
    sweep = Sweep()
    sweep.start()
    try:
        ends = time.monotonic() + SWEPT_WITHIN
        while not _tried() and time.monotonic() < ends:
            time.sleep(0.02)
    finally:
        sweep.stop(PATIENCE)

    assert _tried()


def effect_outside_transaction(now, patch):
    """A relay dies between a receiver's effect and its outcome."""
    with_effect = _channel_with_effect()
    owed = owe()
    _die(
        lambda: relay.deliver_batch(with_effect),
        at="after_effect_before_settle:1:kill",
    )
    make_due()

    relay.deliver_batch(with_effect)

    assert _effects() == [owed.id]


SITUATIONS = {
    each.__name__: each
    for each in (
        no_fence,
        charge_at_the_end,
        acknowledge_before_commit,
        naive_position,
        no_lease_check,
        outbox_row_after_commit,
        no_sweep,
        effect_outside_transaction,
    )
}


def _die(work, at=""):
    """Do something in a process that does not survive it."""
    child = Fork(lambda tell: work(), at=at)
    try:
        status = child.wait()
    finally:
        child.end()
    if status != -signal.SIGKILL:
        raise RuntimeError(
            f"The child should have been killed, and ended with {status}"
        )


def _send_and_tell(tell):
    sends = a_channel(lambda delivery: tell("sent"), DEADLINE=0.5)
    relay.deliver_batch(sends)


def _channel_with_effect():
    """Return a channel whose effect is a row in a table of this test."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE effect (delivery bigint)")

    def leave_a_row(delivery):
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO effect VALUES (%s)", [delivery.id])
        return DELIVERED

    return a_channel(leave_a_row, IN_TRANSACTION=True)


def _effects():
    with connection.cursor() as cursor:
        cursor.execute("SELECT delivery FROM effect")
        return [delivery for (delivery,) in cursor.fetchall()]


def _tried():
    return Delivery.objects.exclude(status=Status.PENDING).exists()
