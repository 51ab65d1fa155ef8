"""
The ways to borrow a copy that are measured: ours, and what one would write instead.

Each is handed a copy and a member that are its own, so that nobody waits for anybody.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from multiprocessing import parent_process
from uuid import UUID, uuid4

from django.db import connection
from django.utils import timezone
from django_domain_events import event, fire, receiver
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate
from eventsourcing.domain import event as es_event

from benchmarks.plain import writing
from library.lending import loans
from library.lending.events import CopyBorrowed

Pair = tuple[UUID, UUID]
"""A copy, and the member who borrows it."""


event(name="bench.copy_borrowed")(CopyBorrowed)


@receiver(CopyBorrowed, key="bench.lend")
def lend(told: CopyBorrowed) -> None:
    """Be owed the event."""


class LentCopy(Aggregate):
    """A copy as an aggregate of the eventsourcing package."""

    @es_event("Registered")
    def __init__(self, barcode: str) -> None:
        self.barcode = barcode
        self.member_id: UUID | None = None

    @es_event("Borrowed")
    def borrow(self, member_id: UUID, borrowed_at: datetime, due_at: datetime) -> None:
        """Lend it, if it is there."""
        if self.member_id is not None:
            raise ValueError("on loan")
        self.member_id, self.due_at = member_id, due_at


def ours(copy_id: UUID, member_id: UUID) -> None:
    """Borrow as the library does."""
    loans.borrow_copy(copy_id=copy_id, member_id=member_id, now=timezone.now())


def plain(copy_id: UUID, member_id: UUID) -> None:
    """Borrow by the same rules, under the same locks, and write the row; no more."""
    with writing.advancing():
        ours(copy_id, member_id)


def firing(copy_id: UUID, member_id: UUID) -> None:
    """Borrow as plain, and fire."""
    with writing.advancing(_write_and_fire):
        ours(copy_id, member_id)


def _write_and_fire(told: CopyBorrowed) -> None:
    writing.write(told)
    fire(told)


def sourced(copy_id: UUID, member_id: UUID) -> None:
    """Load, borrow, save."""
    now = timezone.now()
    copy: LentCopy = application().repository.get(copy_id)
    copy.borrow(member_id, now, now + timedelta(days=28))
    application().save(copy)


WAYS: Mapping[str, Callable[[UUID, UUID], None]] = {
    "ours": ours,
    "plain": plain,
    "firing": firing,
    "sourced": sourced,
}


def borrow(way: str, pairs: Sequence[Pair]) -> float:
    """Borrow all of these; return the seconds it took."""
    one, connected = WAYS[way], application() if way == "sourced" else connection
    if connected is connection:
        connection.ensure_connection()
    started = time.perf_counter()
    for copy_id, member_id in pairs:
        one(copy_id, member_id)
    return time.perf_counter() - started


@cache
def application() -> Application[UUID]:
    """Return the application of the eventsourcing package, on our PostgreSQL."""
    # All at once they would disturb one another.
    create = "n" if parent_process() else "y"
    return Application(env=persistence() | {"CREATE_TABLE": create})


def persistence() -> dict[str, str]:
    """Return what tells the eventsourcing package of the database in use."""
    found = connection.get_connection_params()
    os.environ.setdefault("POSTGRES_PASSWORD", found.get("password") or "none")
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": found["dbname"],
        "POSTGRES_HOST": found["host"],
        "POSTGRES_PORT": str(found.get("port") or 5432),
        "POSTGRES_USER": found["user"],
    }


def registered(count: int) -> list[UUID]:
    """Return copies that the eventsourcing package knows of."""
    copies = [LentCopy(barcode=uuid4().hex) for _ in range(count)]
    for copy in copies:
        application().save(copy)
    return [copy.id for copy in copies]
