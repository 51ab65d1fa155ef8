"""
Rebuilding: how fast a read model is made anew from the log, in as many events a second.

Loans that were borrowed and returned, folded into the members' shelves. The limit is
fetching the same rows by psycopg, in order, and doing nothing with them. Beside it the
same fold, event by event through the ORM, in one transaction.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from django.db import connection, transaction

from benchmarks import databases
from benchmarks.figures import Row, round_by_round, row
from outbox import log, sequencer
from outbox.apply import apply
from projections.questions.shelves import shelves
from projections.rebuild import rebuild
from projections.workers import Workers, worth_it

EVENTS = 100_000
BY_ORM = 1_000  # of them: it takes long enough
ROUNDS = 3
A_SECOND, REACH = 50_000, 100_000


def rows(*, quick: bool) -> Iterator[Row]:
    """Measure the rebuild, the bare fetch and the ORM."""
    count = EVENTS // (10 if quick else 1)
    with databases.fresh("loans", of=databases.PRISTINE):
        databases.run(_LOANS, [count // 2])
        sequencer.sequence_all()
        databases.run("VACUUM (ANALYZE) outbox_event, outbox_position")
        rates = round_by_round(
            ROUNDS,
            {"ours": partial(_rebuild, count), "bare": partial(_fetch, count)}
            | {"orm": _by_orm},
        )
    limit = row(
        "rebuild of a read model, to the limit",
        rates["ours"],
        rates["bare"],
        beside="fetching the rows by psycopg",
        must=0.2,
        at_least=A_SECOND,
    )
    yield replace(
        limit,
        reach=f">= {REACH:,}/s",
        reaches=limit.figure.median >= REACH,
    )
    yield row(
        "rebuild of a read model",
        rates["ours"],
        rates["orm"],
        beside="the fold by ORM, event by event",
        must=10,
        reach=50,
    )


def _rebuild(count: int) -> float:
    started = time.perf_counter()
    with Workers(worth_it(count)) as workers:
        rebuilt = rebuild(shelves, workers=workers)
    took = time.perf_counter() - started
    if rebuilt.events != count:
        raise RuntimeError(f"{rebuilt.events} of {count} events were folded")
    return count / took


def _fetch(count: int) -> float:
    connection.ensure_connection()
    started, found = time.perf_counter(), 0
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(_IN_ORDER)
        while some := cursor.fetchmany(2_000):
            found += len(some)
    if found != count:
        raise RuntimeError(f"{found} of {count} rows were fetched")
    return count / (time.perf_counter() - started)


def _by_orm() -> float:
    started = time.perf_counter()
    with transaction.atomic():
        shelves.model.objects.all()._raw_delete("default")
        for recorded in log.read(after=0, limit=BY_ORM):
            apply([shelves], [recorded.event])
        took = time.perf_counter() - started
        transaction.set_rollback(True)
    return BY_ORM / took


_IN_ORDER = """
SELECT p.position, e.type, e.schema_version, e.data
FROM outbox_position p JOIN outbox_event e ON e.seq = p.seq
ORDER BY p.position
"""

# Each loan in two transactions, whose numbers are made up.
_LOANS = """
WITH loan AS MATERIALIZED (
    SELECT n, gen_random_uuid() AS loan_id, md5('copy' || n)::uuid AS copy_id,
        md5('book' || n %% 1000)::uuid AS book_id,
        md5('member' || n %% 1000)::uuid AS member_id
    FROM generate_series(1, %s) AS n
), fact AS (
    INSERT INTO outbox_event (id, stream, version, type, schema_version, data, about,
        metadata, xact, occurred_at)
    SELECT gen_random_uuid(), 'copy:' || copy_id, step,
        CASE step WHEN 1 THEN 'book.borrowed' ELSE 'book.returned' END, 1,
        jsonb_build_object('loan_id', loan_id, 'copy_id', copy_id, 'book_id', book_id,
            'member_id', member_id)
        || CASE step WHEN 1
            THEN '{"borrowed_at": "2026-01-05T09:00:00+00:00", "loan_days": 28,
                "due_at": "2026-02-02T18:00:00+00:00", "loan_limit": 5}'::jsonb
            ELSE '{"returned_at": "2026-01-20T09:00:00+00:00"}'::jsonb END,
        ARRAY[loan_id, copy_id, book_id, member_id], '{}', (2 * n + step)::text::xid8,
        now()
    FROM loan, generate_series(1, 2) AS step
    ORDER BY step, n
    RETURNING id, type
)
INSERT INTO published (id, version, destination, body, added, expires_at, retry,
    status, headers)
SELECT id, '1', type, '"{}"', now(), 'infinity', 0, 1, '{}' FROM fact
"""
