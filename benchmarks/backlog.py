"""
Draining a backlog: at what rate, however long it is and whatever lies beside it.

Claim, attempt and settle of deliveries whose effect costs nothing, so that the
machinery alone is measured: one thread of one relay.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from types import SimpleNamespace

from django.db import connection

from benchmarks.figures import Figure, Row, ratios
from outbox import relay
from outbox.channels.contract import DELIVERED

ROUNDS = 5
DRAINED = 1_000  # deliveries in a round
STEADY = 0.8  # of the rate with no more waiting than is drained
UNHARMED = 0.9

CHANNEL = SimpleNamespace(
    NAME="bench",
    DEADLINE=10.0,
    RETRIES=(1.0,),
    IN_TRANSACTION=True,
    BATCH=50,
    PER_DESTINATION=50,
    routes=tuple,
    deliver=lambda delivery, ends: DELIVERED,
)


def rows(*, quick: bool) -> Iterator[Row]:
    """Measure with a short and a long backlog, finished rows, an open transaction."""
    scale = 10 if quick else 1
    backlog, finished = 1_000_000 // scale, 10_000_000 // scale
    _owe(2 * ROUNDS * DRAINED)
    short = [_rate() for _ in range(ROUNDS)]
    _owe(backlog)
    long = [_rate() for _ in range(ROUNDS)]
    yield _row(f"drain, {backlog:,} waiting", long, short, STEADY)
    _finish_all()
    _owe(6 * ROUNDS * DRAINED)
    before = [_rate() for _ in range(ROUNDS)]
    _add_finished(finished)
    after = [_rate() for _ in range(ROUNDS)]
    yield _row(f"drain beside {finished:,} finished", after, before, UNHARMED)
    with _a_transaction_left_open():
        held = [_rate() for _ in range(ROUNDS * 4)]
    beside = [after[number % ROUNDS] for number in range(len(held))]
    yield _row("drain while a transaction stays open", held, beside, UNHARMED)


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


def _rate() -> float:
    """Deliver so many; return how many a second that was."""
    started, done = time.perf_counter(), 0
    while done < DRAINED:
        claimed = relay.deliver_batch(CHANNEL)
        if not claimed:
            raise RuntimeError(f"nothing was left after {done}")
        done += claimed
    return done / (time.perf_counter() - started)


def _owe(count: int) -> None:
    """Owe so many deliveries to three destinations, in lanes as signals are."""
    _run(
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
    _run(
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


def _finish_all() -> None:
    _run("UPDATE outbox_delivery SET status = 'delivered' WHERE status = 'pending'")
    _settle_down()


def _settle_down() -> None:
    """Let what autovacuum would do in its time be done now."""
    _run("VACUUM (ANALYZE) outbox_delivery")


def _run(statement: str, values: list[object] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


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
