"""F10: all relays are replaced, one after the other, while work comes in."""

from __future__ import annotations

import signal
import threading
from collections import Counter

from outbox.models import Attempt, Delivery, Event
from tests.faults.forks import PATIENCE, wait_until
from tests.faults.test_sessions import a_relay
from tests.threads import in_thread

RESTARTS = 4


def test_a_rolling_restart_loses_nothing_and_sends_nothing_twice(world, a_fork, a_loan):
    closing = threading.Event()

    def lend():
        while not closing.is_set():
            a_loan()

    relays = [a_fork(a_relay), a_fork(a_relay)]
    lending = in_thread(lend)
    for _ in range(RESTARTS):
        told = len(world.posts)
        wait_until(lambda told=told: len(world.posts) >= told + 5)
        relays.append(a_fork(a_relay))
        oldest = relays.pop(0)
        oldest.send(signal.SIGTERM)
        assert oldest.wait() == 0
    closing.set()
    lending.join(PATIENCE)
    wait_until(lambda: not Delivery.objects.exclude(status="delivered").exists())
    for each in relays:
        each.send(signal.SIGTERM)
    assert [each.wait() for each in relays] == [0] * len(relays)
    world.finish()

    world.check()
    copies = Counter(name for name, _ in (*world.posts, *world.letters()))
    assert set(copies.values()) == {1}
    assert not Attempt.objects.exclude(outcome__in=("ok", "delivered")).exists()
    assert Event.objects.filter(type="book.borrowed").count() > RESTARTS
