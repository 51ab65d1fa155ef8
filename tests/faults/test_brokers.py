"""F7: whatever the broker does with a nudge, everything committed is delivered."""

from __future__ import annotations

import random
import threading
from functools import partial

import pytest
from dramatiq.brokers.stub import StubBroker
from dramatiq.errors import ConnectionClosed
from dramatiq.worker import Worker

from config import broker
from outbox import nudge, tasks
from outbox.models import Delivery, Event, Status
from outbox.sweep import Sweep
from tests.faults.forks import PATIENCE, wait_until

BOOKS = 6


class Unreliable(StubBroker):
    """A broker within one process, at its worst in one respect."""

    def __init__(self):
        super().__init__(middleware=broker.middleware())
        self.asked, self.leave = threading.Event(), threading.Event()
        self._chance = random.Random(7)
        self._held = []

    def enqueue(self, message, *, delay=None):
        self.asked.set()
        return self.takes(message)

    def passes_on(self, message):
        return super().enqueue(message)


class Refuses(Unreliable):
    def takes(self, message):
        raise ConnectionClosed("refused")


class Swallows(Unreliable):
    """A black hole: takes the connection, and never answers."""

    def takes(self, message):
        self.leave.wait(PATIENCE)
        return message


class Forgets(Unreliable):
    def takes(self, message):
        return message


class Doubles(Unreliable):
    def takes(self, message):
        self.passes_on(message)
        return self.passes_on(message.copy())


class Reorders(Unreliable):
    def takes(self, message):
        self._held.append(message)
        if len(self._held) > 3:
            self._chance.shuffle(self._held)
            while self._held:
                self.passes_on(self._held.pop())
        return message


def a_house(unreliable, a_book, tell):
    """Be a caller and a relay, sweep and actors, on such a broker."""
    for actor in (tasks.sequence, tasks.deliver):
        unreliable.declare_actor(actor)
        actor.broker = unreliable
    nudge.listen(nudge.Bell(tasks.sequence.send).ring)
    worker, sweep = Worker(unreliable, worker_threads=2), Sweep()
    worker.start()
    sweep.start()
    for _ in range(BOOKS):
        a_book()
        tell("a book")
    assert unreliable.asked.wait(PATIENCE)
    wait_until(lambda: Delivery.objects.filter(channel="signals").count() == BOOKS)
    wait_until(lambda: not Delivery.objects.exclude(status=Status.DELIVERED).exists())
    unreliable.leave.set()
    assert sweep.stop(PATIENCE)
    worker.stop()


@pytest.mark.parametrize("kind", [Refuses, Swallows, Forgets, Doubles, Reorders])
def test_commits_go_on_and_everything_arrives_once(world, a_fork, a_book, kind):
    child = a_fork(partial(a_house, kind(), a_book))

    assert child.wait() == 0
    assert len(child.told()) == BOOKS
    assert Event.objects.filter(type="book.created").count() == BOOKS
    world.check()
    assert len(world.posts) == len(set(world.posts))
