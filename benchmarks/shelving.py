"""The members' shelves as a projection of the eventsourcing package."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate
from eventsourcing.domain import event as es_event
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL

from benchmarks import databases
from benchmarks.borrowers import persistence
from outbox.ids import new_id

PATIENCE = 300.0  # seconds


class Lent(Aggregate):
    """A loan as an aggregate."""

    @es_event("Borrowed")
    def __init__(self, copy_id: UUID, book_id: UUID, member_id: UUID) -> None:
        self.copy_id, self.book_id, self.member_id = copy_id, book_id, member_id

    @es_event("Returned")
    def bring_back(self) -> None:
        """Bring the copy back."""


class Shelves(PostgresTrackingRecorder):
    """The rows, written in one transaction with how far it was read."""

    def __init__(self, datastore: PostgresDatastore, **more: Any) -> None:
        super().__init__(datastore, **more)
        self.sql_create_statements.append(SQL(_TABLE).format())

    def write(self, statement: str, values: dict[str, Any], tracking: Tracking) -> None:
        """Write a row, and that its event was read."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(statement, values, prepare=True)


class Shelving(Projection[Shelves]):
    """What each event makes of a row."""

    name = "shelving"

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Write what an event says."""
        values = {"loan_id": domain_event.originator_id, "at": domain_event.timestamp}
        if isinstance(domain_event, Lent.Borrowed):
            values |= {
                "copy_id": domain_event.copy_id,
                "book_id": domain_event.book_id,
                "member_id": domain_event.member_id,
                "due_at": domain_event.timestamp + timedelta(days=28),
            }
            self.view.write(_BORROWED, values, tracking)
        else:
            self.view.write(_RETURNED, values, tracking)


def record(loans: int) -> None:
    """Lend so many copies, and have them brought back."""
    application = Application[UUID](env=persistence())
    for _ in range(loans):
        loan = Lent(copy_id=new_id(), book_id=new_id(), member_id=new_id())
        loan.bring_back()
        application.save(loan)
    application.close()


def shelve(events: int) -> float:
    """Project all of them from nothing; return how many a second."""
    for table in ("es_shelves", "shelving_tracking"):
        databases.run(f"DROP TABLE IF EXISTS {table}")
    started = time.perf_counter()
    with ProjectionRunner(
        application_class=Application[UUID],
        projection_class=Shelving,
        view_class=Shelves,
        env=persistence(),
    ) as runner:
        runner.wait(events, timeout=PATIENCE)
        return events / (time.perf_counter() - started)


_TABLE = """
CREATE TABLE IF NOT EXISTS es_shelves (
    loan_id uuid PRIMARY KEY, member_id uuid NOT NULL, copy_id uuid NOT NULL,
    book_id uuid NOT NULL, borrowed_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL, returned_at timestamptz
)
"""

_BORROWED = """
INSERT INTO es_shelves (loan_id, member_id, copy_id, book_id, borrowed_at, due_at)
VALUES (%(loan_id)s, %(member_id)s, %(copy_id)s, %(book_id)s, %(at)s, %(due_at)s)
"""

_RETURNED = "UPDATE es_shelves SET returned_at = %(at)s WHERE loan_id = %(loan_id)s"
