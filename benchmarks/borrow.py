"""
Borrowing: what one borrow costs, beside what one would write instead, and the limit.

Every borrow has a copy and a member of its own. Nothing delivers meanwhile. The limit
is the very statements of our borrows, said again by pgbench in as many sessions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from django.db import models
from django.utils import timezone

from benchmarks import pgbench
from benchmarks.borrowers import Pair, borrow, ours, registered
from benchmarks.crew import Crew, crew
from benchmarks.figures import Row, costs, round_by_round, row
from library.catalog.models import Book, Copy
from library.members.models import Member
from outbox.ids import new_id

BORROWS, QUICK = 1_000, 48
MANY = 4  # processes
ROUNDS, QUICK_ROUNDS = 5, 2
EVENTS = "benchmarks.peers.events_alone"


def rows(*, quick: bool) -> Iterator[Row]:
    """Measure all ways, in one process and in four, and pgbench."""
    count, rounds = (QUICK, QUICK_ROUNDS) if quick else (BORROWS, ROUNDS)
    with crew(MANY, EVENTS) as workers:
        rates = round_by_round(
            rounds,
            {
                f"{way}, {at_once}": partial(_rate, workers, way, at_once, count)
                for way in ("ours", "plain", "firing", "sourced")
                for at_once in (1, MANY)
            }
            | {"limit": partial(_limit, count)},
        )
    yield from _rows(rates)


def _rows(rates: dict[str, list[float]]) -> Iterator[Row]:
    for at_once in (1, MANY):
        what = f"borrow, {at_once} at once"
        mine = rates[f"ours, {at_once}"]
        for way, name, must, reach in (
            ("sourced", "eventsourcing", 0.5, 1),
            ("firing", "django-domain-events", 1, 2),
        ):
            theirs = rates[f"{way}, {at_once}"]
            yield row(what, mine, theirs, beside=name, must=must, reach=reach)
    yield costs(
        "cost of the pattern",
        [1000 / each for each in rates["ours, 1"]],
        [1000 / each for each in rates["plain, 1"]],
        beside="the same by plain ORM, nobody told",
        must=1.5,
        reach=1.25,
    )
    yield row(
        f"limit of the write, {MANY} at once",
        rates[f"ours, {MANY}"],
        rates["limit"],
        beside="the same statements by pgbench",
        must=0.2,
        reach=0.35,
    )


def _rate(workers: Crew, way: str, at_once: int, count: int) -> float:
    """Return the borrows a second of so many processes, each with its share."""
    shares = [pairs(count // at_once, way) for _ in range(at_once)]
    took = workers.each(borrow, *[(way, share) for share in shares])
    return sum(map(len, shares)) / max(took)


def _limit(count: int) -> float:
    said = [
        [pgbench.statements_of(partial(ours, *pair)) for pair in pairs(count // MANY)]
        for _ in range(MANY)
    ]
    return sum(map(len, said)) / pgbench.once(said)


def pairs(count: int, way: str = "ours") -> list[Pair]:
    """Return copies of one book, each with a member who has borrowed nothing."""
    if way == "sourced":
        return [(copy, new_id()) for copy in registered(count)]
    now = timezone.now()
    book = new_id()
    _insert(Book, [Book(id=book, title="A book", authors=["A"], created_at=now)])
    copies = [
        Copy(id=new_id(), book_id=book, barcode=new_id().hex, kind="book", added_at=now)
        for _ in range(count)
    ]
    members = [
        Member(id=new_id(), category="reader", language="en", registered_at=now)
        for _ in range(count)
    ]
    _insert(Copy, copies)
    _insert(Member, members)
    return [(a.id, b.id) for a, b in zip(copies, members, strict=True)]


def _insert(model: type[models.Model], made: Sequence[models.Model]) -> None:
    models.QuerySet(model).bulk_create(made)  # around the fold's refusal
