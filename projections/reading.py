"""
Reading the log fast, for folding much of it: COPY, and only what a fold wants.

A query on a connection that is inside a COPY waits for ever; so a slice of the log is
taken in whole before anything is done with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import Max
from psycopg import sql

from outbox import codec
from outbox.codec import DomainEvent
from outbox.folds import Fold
from outbox.models import Position
from projections.parts import Part


@dataclass(frozen=True, slots=True)
class Fact:
    """A stored event that was read, not decoded yet."""

    id: UUID | str
    type: str
    schema_version: int
    data: str

    def event(self) -> DomainEvent:
        """Return the event in today's shape."""
        return codec.decode(self.type, self.schema_version, orjson.loads(self.data))


def last_position() -> int:
    """Return the position at which the log ends, 0 for an empty one."""
    last: int | None = Position.objects.aggregate(last=Max("position"))["last"]
    return last or 0


def placed(fold: Fold, part: Part, *, after: int, upto: int) -> list[Fact]:
    """Return, in order, the events of these positions that a part of a fold wants."""
    return list(_read(_PLACED, fold, part, after=after, upto=upto))


def unplaced(fold: Fold, part: Part) -> list[Fact]:
    """Return the events that have no position yet, in the sequencer's order."""
    return list(_read(_UNPLACED, fold, part))


def _read(statement: str, fold: Fold, part: Part, **bounds: int) -> Iterator[Fact]:
    if not fold.steps:
        return
    query = sql.SQL(statement).format(
        types=sql.SQL(", ").join(sql.Literal(each.type) for each in fold.steps),
        concerns=part.concerns(fold),
        **{name: sql.Literal(bound) for name, bound in bounds.items()},
    )
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        for event_id, event_type, version, data in copy.rows():
            yield Fact(event_id, event_type, int(version), data)


_PLACED = """
COPY (
    SELECT e.id, e.type, e.schema_version, e.data
    FROM outbox_position p
    JOIN outbox_event e ON e.seq = p.seq
    WHERE p.position > {after} AND p.position <= {upto}
      AND e.type IN ({types}) AND ({concerns})
    ORDER BY p.position
) TO STDOUT
"""

_UNPLACED = """
COPY (
    SELECT id, type, schema_version, data FROM (
        SELECT e.*, max(e.seq) OVER (PARTITION BY e.xact) AS ended_at
        FROM outbox_event e
        WHERE NOT EXISTS (SELECT FROM outbox_position p WHERE p.seq = e.seq)
    ) e
    WHERE e.type IN ({types}) AND ({concerns})
    ORDER BY ended_at, seq
) TO STDOUT
"""
