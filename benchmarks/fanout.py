"""
Sequencing and fan-out: how fast positions and deliveries are made of a backlog.

Three destinations for each fact. The limit is one INSERT … SELECT of the same rows,
which places nothing and marks nothing. Each works on a copy of its own of one database.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from functools import partial

from django.db import connection
from django_outbox_pattern.models import Published

from benchmarks import databases, owing
from benchmarks.figures import Row, round_by_round, row
from outbox import sequencer
from outbox.models import Delivery

EVENTS = 100_000
DESTINATIONS = 3
ROUNDS = 3
A_SECOND = 15_000


def rows(*, quick: bool) -> Iterator[Row]:
    """Measure the sequencer and the bare statement."""
    count = EVENTS // (10 if quick else 1)
    with contextlib.ExitStack() as routes:
        for number in range(DESTINATIONS):
            routes.enter_context(
                owing.route("bench", f"receiver-{number}", "book.created")
            )
        _record(count)
        rates = round_by_round(
            ROUNDS,
            {
                "ours": partial(_rate, count, sequencer.sequence_all),
                "bare": partial(_rate, count, partial(databases.run, _BARE)),
            },
        )
    yield row(
        f"sequencing and fan-out, {count:,} waiting",
        rates["ours"],
        rates["bare"],
        beside="INSERT … SELECT",
        must=0.4,
        reach=0.7,
        at_least=A_SECOND,
    )


def _rate(count: int, work: Callable[[], object]) -> float:
    """Return the deliveries made per second, their commit included."""
    with databases.fresh("round"):
        connection.ensure_connection()
        started = time.perf_counter()
        work()
        took = time.perf_counter() - started
        made = Delivery.objects.filter(channel="bench").count()
    if made != DESTINATIONS * count:
        raise RuntimeError(f"{made} deliveries were made for {count} facts")
    return made / took


def _record(count: int) -> None:
    """Record so many facts, each in a transaction of its own, as far as one can see."""
    owing.books(1)
    databases.run(_MORE, [count - 1])
    databases.run("VACUUM (ANALYZE) outbox_event, published")


# The numbers of transactions are made up: old ones, and no two the same.
_MORE = f"""
WITH one AS (
    SELECT * FROM outbox_event LIMIT 1
), more AS (
    INSERT INTO outbox_event (id, stream, version, type, schema_version, data, about,
        metadata, xact, occurred_at, recorded_at)
    SELECT gen_random_uuid(), 'book:' || n, 1, type, schema_version, data, about,
        metadata, n::text::xid8, occurred_at, recorded_at
    FROM one, generate_series(1, %s) AS n
    RETURNING id
)
INSERT INTO {Published._meta.db_table} (id, version, destination, body, added,
    expires_at, retry, status, headers)
SELECT more.id, p.version, p.destination, p.body, p.added, p.expires_at, p.retry,
    p.status, p.headers
FROM more, one JOIN {Published._meta.db_table} p ON p.id = one.id
"""

_BARE = """
INSERT INTO outbox_delivery (event_id, position, channel, destination, recipient)
SELECT e.id, e.seq, r.channel, r.destination, ''
FROM outbox_event e JOIN outbox_route r ON r.event_type = e.type
WHERE r.channel = 'bench'
"""
