"""
Appending under load: what a common lock over all appends would cost.

The statements of recording one fact, by pgbench in many sessions, as they are and with
a lock in front as readers of identity values would need (decision 4). No Python takes
part.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from django.utils import timezone

from benchmarks import pgbench
from benchmarks.figures import Row, round_by_round, row
from benchmarks.owing import AUTHORS, TITLE
from library.catalog.events import BookCreated
from outbox import log
from outbox.ids import new_id

CLIENTS = 16
SECONDS = 5
ROUNDS, QUICK_ROUNDS = 5, 3
LOCK = "SELECT pg_advisory_xact_lock(7)"


def rows(*, quick: bool) -> Iterator[Row]:
    """Measure with and without the lock."""
    said = statements()
    seconds, rounds = (1, QUICK_ROUNDS) if quick else (SECONDS, ROUNDS)
    rates = round_by_round(
        rounds,
        {
            "free": partial(pgbench.rate, said, clients=CLIENTS, seconds=seconds),
            "one by one": partial(
                pgbench.rate, [LOCK, *said], clients=CLIENTS, seconds=seconds
            ),
        },
    )
    yield row(
        f"append, {CLIENTS} at once",
        rates["free"],
        rates["one by one"],
        beside="with one lock over all",
        must=2,
        reach=3,
    )


def statements() -> list[str]:
    """Return the statements that record a fact, its ids new in each transaction."""
    made = BookCreated(
        book_id=new_id(), title=TITLE, authors=AUTHORS, created_at=timezone.now()
    )
    recorded: list[log.Recorded] = []
    said = pgbench.statements_of(lambda: recorded.extend(log.record([made])))
    for one in (made.book_id, recorded[0].id):
        for written in (str(one), one.hex):
            # To pgbench, two colons are a cast.
            said = [each.replace(f":{written}", "-:id") for each in said]
            said = [each.replace(written, ":id") for each in said]
    return said
