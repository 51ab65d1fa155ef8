"""
From commit to receiver, while nothing else goes on.

The clock starts when the operation has returned, so after its commit, and stops
when the receiver has read the body; both are threads of this process.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import requests
from django.utils import timezone

from benchmarks import stage
from benchmarks.figures import Figure, Row, percentile
from config import broker
from library.catalog.books import add_book
from library.members.models import User
from outbox import nudge, tasks
from outbox.channels.webhooks import endpoints
from outbox.context import acting

RELAYS = 2
MESSAGES = 200
SLOW_ONES = 30  # with no broker, each takes up to a second
QUICK, QUICK_SLOW_ONES = 20, 5
PAUSE = (0.04, 0.12)  # seconds between two: longer than either takes

MEDIAN_MORE, REACH = 10.0, 5.0  # milliseconds more than the bare POST
P99 = 50.0
P99_WITHOUT_NUDGES = 1050.0

OTHER_BROKERS = {
    "RabbitMQ": ("AMQP_URL", "amqp://guest:guest@127.0.0.1:5672"),
    "Redis": ("REDIS_URL", "redis://127.0.0.1:6379/0"),
}


def rows(*, quick: bool) -> Iterator[Row]:
    """
    Measure the bare POST, then each broker that is there, then none at all.

    Quickly: of the brokers, only the database.
    """
    count, slow_ones = (QUICK, QUICK_SLOW_ONES) if quick else (MESSAGES, SLOW_ONES)
    receiver = stage.Receiver()
    owner = User.objects.create_user("bench", is_staff=True)
    endpoints.create(owner=owner, url=receiver.url(), event_types=["book.created"])
    bare = _bare(receiver, count)
    yield _row("bare POST, keep-alive", bare, bare, P99)
    for name, url in itertools.islice(_brokers(), 1 if quick else None):
        took = _through_the_outbox(receiver, count, BROKER_URL=url)
        yield _row(f"commit to receiver, {name}", took, bare, P99)
    with socket.socket() as taken:  # bound and not listening: it refuses
        taken.bind(("127.0.0.1", 0))
        closed = f"amqp://127.0.0.1:{taken.getsockname()[1]}"
        took = _through_the_outbox(receiver, slow_ones, BROKER_URL=closed)
    yield _row("… broker and nudges dead", took, bare, P99_WITHOUT_NUDGES)


def _row(what: str, took: list[float], bare: list[float], most: float) -> Row:
    figure, beside = Figure.of(took, "ms"), Figure.of(bare, "ms")
    p99, more = percentile(took, 99), figure.median - beside.median
    nudged = most == P99
    return Row(
        what=what,
        figure=figure,
        beside=f"p99 {p99:.1f} ms; median {more:+.1f} ms to the bare POST",
        must=f"p99 <= {most:g} ms" + (f", {MEDIAN_MORE:+g} ms" if nudged else ""),
        holds=p99 <= most and (more <= MEDIAN_MORE or not nudged),
        reach=f"{REACH:+g} ms" if nudged else "",
        reaches=more <= REACH if nudged else None,
    )


def _brokers() -> Iterator[tuple[str, str]]:
    yield "PostgreSQL as broker", ""
    for name, (variable, usual) in OTHER_BROKERS.items():
        url = os.environ.get(variable, usual)
        where = urlsplit(url)
        try:
            socket.create_connection((where.hostname, where.port), timeout=1).close()
        except OSError:
            continue
        yield name, url


def _bare(receiver: stage.Receiver, count: int) -> list[float]:
    """POST without any outbox."""
    took = []
    with requests.Session() as session:
        for number in range(count):
            time.sleep(random.uniform(*PAUSE))
            headers = {"webhook-id": f"bare-{number}"}
            started = time.perf_counter()
            session.post(receiver.url(), data=b"{}" * 150, headers=headers, timeout=10)
            took.append(receiver.wait_for(f"bare-{number}") - started)
    return [1000 * each for each in took]


def _through_the_outbox(
    receiver: stage.Receiver, count: int, **environment: str
) -> list[float]:
    with (
        tempfile.TemporaryDirectory() as folder,
        stage.relays(RELAYS, Path(folder), **environment),
        _nudging(environment["BROKER_URL"]),
    ):
        took = [_one(receiver) for _ in range(count + 5)][5:]
    return [1000 * each for each in took]


def _one(receiver: stage.Receiver) -> float:
    time.sleep(random.uniform(*PAUSE))
    with acting(actor="bench") as cause:
        add_book(title="A book", authors=["Somebody"], now=timezone.now())
    committed = time.perf_counter()
    return receiver.wait_for(f"msg_{cause.recorded[0].hex}") - committed


@contextlib.contextmanager
def _nudging(url: str) -> Iterator[None]:
    """Have what this process commits announced through a broker."""
    made = broker.make_broker(url)
    made.declare_queue(tasks.sequence.queue_name)
    bell = nudge.Bell(lambda: made.enqueue(tasks.sequence.message()))
    before = nudge._listeners[:]
    nudge._listeners[:] = [bell.ring]
    try:
        yield
    finally:
        nudge._listeners[:] = before
        made.close()
