"""
Growth: what a unit of everything costs in a library with ten times the past.

Two libraries, one with ten times the books, readers, loans, events and deliveries of
the other. The same is measured in both, round by round, in an order drawn by lot. Not
with QUICK.
"""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial

from benchmarks import (
    append,
    databases,
    fanout,
    importing,
    letters,
    lives,
    owing,
    pgbench,
    signals,
    webhooks,
)
from benchmarks.borrow import pairs
from benchmarks.borrowers import borrow
from benchmarks.figures import Row, costs, failed, round_by_round
from benchmarks.heard.apps import NAME
from benchmarks.sinks import Sink, sink
from library.catalog.events import BookCreated
from library.members.events import UserRegistered
from library.members.letters import welcome
from library.members.models import User
from outbox import sequencer
from outbox.channels.webhooks import endpoints
from outbox.models import Delivery, Status
from projections.questions.shelves import shelves
from projections.rebuild import rebuild
from projections.workers import Workers, worth_it

LIVES, TIMES = 2_000, 10
SMALL, LARGE = "small", "large"
LIBRARIAN = "librarian"
ROUNDS = 3
MUST, REACH = 1.2, 1.05

BORROWS = 300
SECONDS = 3  # of appending
BACKLOG = 5_000  # facts to place
MESSAGES = 500
BOOKS = 2_000


def rows(*, quick: bool) -> Iterator[Row]:
    """Measure each of them in both libraries."""
    if quick:
        return
    with (
        databases.copies(SMALL, LARGE),
        sink("http") as http,
        sink("smtp") as smtp,
    ):
        for name, count in ((SMALL, LIVES), (LARGE, TIMES * LIVES)):
            databases.go_to(name)
            lives.live(count)
            User.objects.create_user(LIBRARIAN, is_staff=True)
        for what, rate in _rates(http, smtp).items():
            try:
                yield _row(f"growth: {what}", rate)
            except Exception as error:  # noqa: BLE001 - the others' rows are worth having
                traceback.print_exc()
                yield failed(f"growth: {what}", error)


def _rates(http: Sink, smtp: Sink) -> dict[str, Callable[[], float]]:
    """Return what is measured, each as a rate, where Django works at the moment."""
    return {
        "borrow": _borrow,
        "fan-out": _fan_out,
        "signals": _signals,
        "webhooks": partial(_webhooks, http),
        "letters": partial(_letters, smtp),
        "import": partial(importing.ours, BOOKS),
        "rebuild": _rebuild,
        "append": _append,  # leaves the most behind
    }


def _row(what: str, rate: Callable[[], float]) -> Row:
    found = round_by_round(
        ROUNDS, {name: partial(_in, name, rate) for name in (SMALL, LARGE)}
    )
    return costs(
        what,
        [1000 / each for each in found[LARGE]],
        [1000 / each for each in found[SMALL]],
        beside=f"with a tenth of {TIMES * LIVES:,} lives",
        must=MUST,
        reach=REACH,
    )


def _in(name: str, rate: Callable[[], float]) -> float:
    databases.go_to(name)
    lives.settle()
    return rate()


def _borrow() -> float:
    return BORROWS / borrow("ours", pairs(BORROWS))


def _append() -> float:
    said = append.statements()
    return pgbench.rate(said, clients=append.CLIENTS, seconds=SECONDS)


def _fan_out() -> float:
    with contextlib.ExitStack() as routes:
        for number in range(fanout.DESTINATIONS):
            name = f"receiver-{number}"
            routes.enter_context(owing.route(lives.CHANNEL, name, BookCreated.type))
        owing.books(BACKLOG)
        started = time.perf_counter()
        sequencer.sequence_all()
        took = time.perf_counter() - started
    owed = Delivery.objects.filter(channel=lives.CHANNEL, status=Status.PENDING)
    return owed._raw_delete(owed.db) / took


def _signals() -> float:
    with owing.route("signals", NAME, BookCreated.type, ordered=True):
        return signals.ours(MESSAGES)


def _webhooks(receiver: Sink) -> float:
    owner = User.objects.get(username=LIBRARIAN)
    url = f"http://127.0.0.1:{receiver.port}/"
    made, _ = endpoints.create(owner=owner, url=url, event_types=[BookCreated.type])
    try:
        return webhooks.ours(receiver, MESSAGES)
    finally:
        endpoints.remove(made)


def _letters(mailbox: Sink) -> float:
    readers = User.objects.values_list("id", flat=True)[:MESSAGES]
    with owing.route("letters", welcome.name, UserRegistered.type):
        return letters.ours(mailbox, list(readers))


def _rebuild() -> float:
    started = time.perf_counter()
    with Workers(worth_it(lives.events())) as workers:
        rebuilt = rebuild(shelves, workers=workers)
    return rebuilt.events / (time.perf_counter() - started)
