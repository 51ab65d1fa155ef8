"""
What a fault costs its neighbours: one destination's trouble is nobody else's.

Books are added at a steady, modest rate, and each is told to five endpoints, round by
round: all of them answer at once, or the port of one is closed and another accepts and
never says a word. Then to a receiver of signals that is well, or that always raises.
At last the relay that holds the sequencer's lock is frozen, and another takes over.
"""

from __future__ import annotations

import contextlib
import itertools
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from django.utils import timezone

from benchmarks import stage
from benchmarks.figures import Figure, Row, percentile
from library.catalog.books import add_book
from library.members.models import User
from outbox.channels.webhooks import endpoints
from outbox.context import acting
from outbox.models import Position, Route, WebhookEndpoint

GOOD = ("/one", "/two", "/three")
PACE = 0.1  # seconds between two books
BOOKS, QUICK_BOOKS = 150, 15
ROUNDS = 3
UNHARMED = 1.2  # of the neighbours' p95
RESUMES_WITHIN = 3.0  # seconds

INSIDE = "tests.faults.inside"  # breaks the process it is loaded into, at a named point
POISON = "tests.faults.poison"


def rows(*, quick: bool) -> Iterator[Row]:
    """Measure the neighbours with and without each fault, and the frozen holder."""
    books, rounds = (QUICK_BOOKS, 1) if quick else (BOOKS, ROUNDS)
    receiver = stage.Receiver()
    owner = User.objects.create_user("neighbour", is_staff=True)
    for path in GOOD:
        _endpoint(owner, receiver.url(path))
    with _closed_port() as closed, _silent_port() as silent:
        well, beside = [], []
        for number in range(rounds):
            both = [receiver.url(f"/{number}/{name}") for name in ("four", "five")]
            others = [_endpoint(owner, url) for url in both]
            well.append(_p95(receiver, books))
            for other, url in zip(others, (closed, silent), strict=True):
                endpoints.change(other, url=url)
            beside.append(_p95(receiver, books))
            for other in others:
                endpoints.remove(other)
        yield _row("p95 beside a dead and a silent endpoint", beside, well)
    well, beside = [], []
    for _ in range(rounds):
        for name, measured in (("does_nothing", well), ("raises", beside)):
            with _route_to(f"poison.{name}") as receivers:
                measured.append(_p95(receiver, books, **receivers))
    yield _row("p95 beside a receiver that raises", beside, well)
    resumed = [_seconds_until_sequenced_again() for _ in range(rounds)]
    yield Row(
        what="sequencing resumes after its holder froze",
        figure=Figure.of(resumed, "s"),
        must=f"<= {RESUMES_WITHIN:g} s",
        holds=max(resumed) <= RESUMES_WITHIN,
    )


def _row(what: str, beside: list[float], well: list[float]) -> Row:
    ratio = Figure.of([b / a for a, b in zip(well, beside, strict=True)], "x")
    return Row(
        what=what,
        figure=Figure.of(beside, "ms"),
        beside=f"all well: {Figure.of(well, 'ms')}",
        ratio=ratio,
        must=f"<= {UNHARMED}x",
        holds=ratio.median <= UNHARMED,
    )


def _p95(receiver: stage.Receiver, books: int, **environment: str) -> float:
    """Return the 95th percentile of commit to arrival at the good ones, in ms."""
    with (
        tempfile.TemporaryDirectory() as folder,
        stage.relays(2, Path(folder), **environment),
    ):
        committed = [_add_book() for _ in range(books)]
        took = [
            receiver.wait_for(message, path) - at
            for (message, at), path in itertools.product(committed, GOOD)
        ]
    return 1000 * percentile(took, 95)


def _add_book() -> tuple[str, float]:
    time.sleep(PACE)
    with acting(actor="bench") as cause:
        add_book(title="A book", authors=["Somebody"], now=timezone.now())
    return f"msg_{cause.recorded[0].hex}", time.perf_counter()


def _endpoint(owner: User, url: str) -> WebhookEndpoint:
    made, _ = endpoints.create(owner=owner, url=url, event_types=["book.created"])
    return made


@contextlib.contextmanager
def _route_to(name: str) -> Iterator[dict[str, str]]:
    """Tell a receiver of each book; yield what the relays need that have it."""
    route = Route.objects.create(
        channel="signals", destination=name, event_type="book.created", ordered=True
    )
    yield {"EXTRA_APPS": POISON, "POISON": name}
    route.delete()


def _seconds_until_sequenced_again() -> float:
    """Freeze a relay while it gives positions; see when another one does."""
    fault = {"EXTRA_APPS": INSIDE, "FAULT_AT": "after_positions_before_commit:1:stop"}
    with (
        tempfile.TemporaryDirectory() as folder,
        stage.relays(1, Path(folder)) as (clean,),
        stage.relays(1, Path(folder), ready=False, **fault) as (frozen,),
    ):
        clean.send_signal(signal.SIGSTOP)
        while _state(frozen.pid) != "T":  # with the lock in its hands
            time.sleep(0.005)
        started = time.perf_counter()
        clean.send_signal(signal.SIGCONT)
        event = _recorded()
        while not Position.objects.filter(event_id=event).exists():
            time.sleep(0.01)
        return time.perf_counter() - started


def _recorded() -> UUID:
    with acting(actor="bench") as cause:
        add_book(title="A book", authors=["Somebody"], now=timezone.now())
    return cause.recorded[0]


def _state(pid: int) -> str:
    """Return the kernel's letter for what a process does; T is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@contextlib.contextmanager
def _closed_port() -> Iterator[str]:
    with socket.socket() as taken:  # bound and not listening: it refuses
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/"


@contextlib.contextmanager
def _silent_port() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as silent:
        yield f"http://127.0.0.1:{silent.getsockname()[1]}/"
