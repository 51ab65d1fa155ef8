"""
Folding the log from nothing: tables made anew, verified, and as they once were.

Loans that were borrowed and brought back, folded into the members' shelves, all in:
processes, shadow, indexes, exchange. The limit is fetching the same rows by psycopg, in
order, and doing nothing with them. Beside it the same handlers, event by event as one
would write it with the ORM (get the row, save the row) in one transaction, and a
projection of the `eventsourcing` package. The processes
do not stand back here: what they are measured by does not, either.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from django.db import connection, models, transaction

from benchmarks import databases, lent, processor, shelving
from benchmarks.figures import Figure, Row, percentile, ratios, round_by_round, row
from outbox import log
from outbox.codec import DomainEvent
from projections import workers as processes
from projections.models import Checkpoint, Shelf
from projections.questions import past
from projections.questions.shelves import shelves
from projections.reading import last_position
from projections.rebuild import rebuild
from projections.verify import differences
from projections.workers import Workers, worth_it

FEWER, MANY = 100_000, 1_000_000
BY_ORM, BY_OTHERS = 1_000, 1_000  # of them: it takes long enough
SHELVES = 200  # asked for
ROUNDS = 3
A_SECOND, REACH = 50_000, 100_000
STEADY = 1.2  # times the cost of an event, with ten times as many
PROCESSOR = 40, 20  # us; two processors then do as many a second as that
VERIFIED, LOOKED_BACK = 30, 200  # seconds; milliseconds


def rows(*, quick: bool) -> Iterator[Row]:
    """Measure two sizes beside each other, and what stands beside them."""
    few, many = (size // (10 if quick else 1) for size in (FEWER, MANY))
    processes.NICENESS, spent = 0, list[float]()
    with databases.copies("few", "many", "other", of=databases.PRISTINE):
        _prepare(few, many)
        found = round_by_round(
            ROUNDS,
            {
                "few": partial(_on, "few", _rebuild, few),
                "few, bare": partial(_on, "few", _fetch, few),
                "few, orm": partial(_on, "few", _by_orm, BY_ORM),
                "many": partial(_on, "many", partial(_rebuild, spent=spent), many),
                "many, bare": partial(_on, "many", _fetch, many),
                "verify": partial(_on, "many", _verify, many),
                "other": partial(_on, "other", shelving.shelve, BY_OTHERS),
            },
        )
        databases.go_to("many")
        waits = [_look_back() for _ in range(ROUNDS)]
    for size, name in ((few, "few"), (many, "many")):
        yield _to_the_limit(size, found[name], found[f"{name}, bare"])
    yield _no_more(f"processor time of an event, {many:,}", spent, "us", *PROCESSOR)
    yield _steady(few, many, found["few"], found["many"])
    yield row(
        "rebuild of a read model",
        found["few"],
        found["few, orm"],
        beside="the fold by ORM, event by event",
        must=10,
        reach=50,
    )
    yield row(
        "rebuild of a read model, beside another",
        found["few"],
        found["other"],
        beside="a projection of eventsourcing",
        must=10,
    )
    yield _no_more(f"verifying {many:,} events", found["verify"], "s", VERIFIED)
    yield _no_more(f"a shelf as of one of {many:,}, p95", waits, "ms", LOOKED_BACK)


def _prepare(few: int, many: int) -> None:
    for name, size in (("few", few), ("many", many)):
        databases.go_to(name)
        lent.make_up(size // 2)
        _rebuild(size)
    databases.go_to("other")
    shelving.record(BY_OTHERS // 2)


def _to_the_limit(size: int, ours: Sequence[float], bare: Sequence[float]) -> Row:
    limit = row(
        f"rebuild from {size:,} events, to the limit",
        ours,
        bare,
        beside="fetching the rows by psycopg",
        must=0.2,
        at_least=A_SECOND,
    )
    reaches = limit.figure.median >= REACH
    return replace(limit, reach=f">= {REACH:,}/s", reaches=reaches)


def _steady(
    few: int, many: int, at_few: Sequence[float], at_many: Sequence[float]
) -> Row:
    """Return the row that says how the cost of an event grows with their number."""
    costs, ratio = [1e6 / rate for rate in at_many], ratios(at_few, at_many)
    return Row(
        what=f"cost of an event at {many:,}",
        figure=Figure.of(costs, "us"),
        beside=f"at {few:,}: {Figure.of([1e6 / rate for rate in at_few], 'us')}",
        ratio=ratio,
        must=f"<= {STEADY}x",
        holds=ratio.median <= STEADY,
    )


def _no_more(
    what: str, values: Sequence[float], unit: str, most: float, reach: float = 0
) -> Row:
    figure = Figure.of(values, unit)
    return Row(
        what=what,
        figure=figure,
        must=f"<= {most} {unit}",
        holds=figure.median <= most,
        reach=f"<= {reach} {unit}" if reach else "",
        reaches=figure.median <= reach,
    )


def _on(database: str, measure: Callable[[int], float], count: int) -> float:
    databases.go_to(database)
    return measure(count)


def _rebuild(count: int, *, spent: list[float] | None = None) -> float:
    before, started = processor.seconds(), time.perf_counter()
    with Workers(worth_it(count)) as workers:
        rebuilt = rebuild(shelves, workers=workers)
    took = time.perf_counter() - started
    if rebuilt.events != count:
        raise RuntimeError(f"{rebuilt.events} of {count} events were folded")
    if spent is not None:
        spent.append(1e6 * (processor.seconds() - before) / count)
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


def _by_orm(count: int) -> float:
    started = time.perf_counter()
    with transaction.atomic():
        shelves.model.objects.all()._raw_delete("default")
        for recorded in log.read(after=0, upto=count):
            _save(recorded.event)
        took = time.perf_counter() - started
        transaction.set_rollback(True)
    return count / took


def _save(event: DomainEvent) -> None:
    for key, step in shelves.changes(event):
        saved = models.QuerySet(Shelf).filter(pk=key)
        before = None if step.makes else saved.get()
        row = step.apply(before and shelves.Row(**_values(before)), event, key)
        if row is None:
            saved.delete()
        else:  # as any other model; this one's own way refuses
            models.Model.save(Shelf(**_values(row)), force_insert=step.makes)


def _values(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in shelves.columns}


def _verify(count: int) -> float:
    started = time.perf_counter()
    with Workers(worth_it(count)) as workers:
        wrong = differences(shelves, workers=workers)
    if wrong or Checkpoint.objects.get(name=shelves.name).position != count:
        raise RuntimeError(f"{len(wrong)} rows differ")
    return time.perf_counter() - started


def _look_back() -> float:
    """Return the milliseconds that 95 of 100 looks at a shelf do not exceed."""
    end, took = last_position(), []
    for member_id in random.sample(lent.members(1_000), SHELVES):
        upto, started = random.randint(0, end), time.perf_counter()
        past.shelf(member_id, returned=True, upto=upto)
        took.append(1000 * (time.perf_counter() - started))
    return percentile(took, 95)


_IN_ORDER = """
SELECT p.position, e.type, e.schema_version, e.data
FROM outbox_position p JOIN outbox_event e ON e.seq = p.seq
ORDER BY p.position
"""
