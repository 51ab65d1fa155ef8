"""
Draining a backlog: at what rate, however long it is and whatever lies beside it.

Claim, attempt and settle of deliveries whose effect costs nothing, so that the
machinery alone is measured: one thread of one relay. Each situation is a database of
its own, and every round goes through all of them in an order drawn by lot, so that a
noisy moment of the machine meets one as well as another.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator
from types import SimpleNamespace

from django.db import connection

from benchmarks import databases
from benchmarks.figures import Figure, Row, ratios
from outbox import relay
from outbox.channels.contract import DELIVERED

ROUNDS, QUICK_ROUNDS = 15, 3
DRAINED = 1_000  # deliveries in a round
WARMING_UP = 100  # before each, in a session that knows nothing yet
STEADY = 0.8  # of the rate with no more waiting than is drained
UNHARMED = 0.9

CHANNEL = SimpleNamespace(
    NAME="bench",
    DEADLINE=10.0,
    RETRIES=(1.0,),
    IN_TRANSACTION=True,
    BATCH=50,
    PER_DESTINATION=50,
    WORKERS=3,
    GUARDED=False,
    routes=tuple,
    deliver=lambda delivery, ends: DELIVERED,
)


def rows(*, quick: bool) -> Iterator[Row]:
    """Measure with a short and a long backlog, finished rows, an open transaction."""
    scale, rounds = (100, QUICK_ROUNDS) if quick else (1, ROUNDS)
    backlog, finished = 1_000_000 // scale, 10_000_000 // scale
    with databases.copies("short", "long", "beside_finished", "held"):
        for name in ("short", "long", "beside_finished", "held"):
            databases.go_to(name)
            _owe(rounds * (DRAINED + WARMING_UP + CHANNEL.BATCH))
        databases.go_to("long")
        _owe(backlog)
        databases.go_to("beside_finished")
        _add_finished(finished)
        databases.go_to("held")
        with _a_transaction_left_open():
            rates = _rates(rounds, "short", "long", "beside_finished", "held")
    short = rates["short"]
    yield _row(f"drain, {backlog:,} waiting", rates["long"], short, STEADY)
    what = f"drain beside {finished:,} finished"
    yield _row(what, rates["beside_finished"], short, UNHARMED)
    what = "drain while a transaction stays open"
    yield _row(what, rates["held"], short, UNHARMED)


def _rates(rounds: int, *names: str) -> dict[str, list[float]]:
    """Return the rates in each database, round by round."""
    rates: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in random.sample(names, len(names)):
            databases.go_to(name)
            _deliver(WARMING_UP)
            started = time.perf_counter()
            done = _deliver(DRAINED)
            rates[name].append(done / (time.perf_counter() - started))
    return rates


def _deliver(count: int) -> int:
    """Deliver so many, or a few more; return how many it were."""
    done = 0
    while done < count:
        claimed = relay.deliver_batch(CHANNEL)
        if not claimed:
            raise RuntimeError(f"nothing was left after {done}")
        done += claimed
    return done


def _row(what: str, ours: list[float], beside: list[float], must: float) -> Row:
    ratio = ratios(ours, beside)
    return Row(
        what=what,
        figure=Figure.of(ours, "/s"),
        beside=f"without: {Figure.of(beside, '/s')}",
        ratio=ratio,
        must=f">= {must}x",
        holds=ratio.median >= must,
    )


def _owe(count: int) -> None:
    """Owe so many deliveries to three destinations, in lanes as signals are."""
    databases.run(
        """
        INSERT INTO outbox_delivery (event_id, position, channel, destination,
            recipient, lane)
        SELECT gen_random_uuid(), n, 'bench', 'receiver-' || n %% 3, '',
            'copy:' || n %% 50000
        FROM generate_series(1, %s) AS n
        """,
        [count],
    )
    _settle_down()


def _add_finished(count: int) -> None:
    databases.run(
        """
        INSERT INTO outbox_delivery (event_id, position, channel, destination,
            recipient, lane, status, claim, attempts, finished_at)
        SELECT gen_random_uuid(), n, 'bench', 'receiver-' || n %% 3, '',
            'copy:' || n %% 50000, 'delivered', 1, 1, clock_timestamp()
        FROM generate_series(1, %s) AS n
        """,
        [count],
    )
    _settle_down()


def _settle_down() -> None:
    """Let what autovacuum would do in its time be done now."""
    databases.run("VACUUM (ANALYZE) outbox_delivery")


@contextlib.contextmanager
def _a_transaction_left_open() -> Iterator[None]:
    """Keep a snapshot alive: nothing that dies meanwhile can be cleared away."""
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SELECT count(*) FROM outbox_route")
            yield
            cursor.execute("ROLLBACK")
    finally:
        other.close()
