"""
The event log: record, read, history.

`record` writes the facts and one outbox row for each, in the caller's
transaction, by `appending.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.db import connection, transaction
from django.db.models import F, OuterRef, Subquery

from outbox import appending, codec, nudge
from outbox.appending import Fact
from outbox.codec import DomainEvent
from outbox.context import Cause, current
from outbox.errors import OutsideTransaction, StaleStream
from outbox.ids import new_id
from outbox.models import Delivery, Event, Position
from outbox.points import point


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event with its place in the log; `position` is None until sequenced."""

    id: UUID
    stream: str
    version: int
    event: DomainEvent
    metadata: dict[str, Any]
    occurred_at: datetime
    recorded_at: datetime | None = None
    position: int | None = None


class Placed(NamedTuple):
    """An event at its place in the order that everybody reads."""

    position: int
    id: UUID
    stream: str
    event: DomainEvent


def record(
    events: Sequence[DomainEvent], encoded: Sequence[dict[str, Any]] | None = None
) -> list[Recorded]:
    """
    Write facts and their outbox rows down; nudge the relay on commit.

    The caller holds the locks of the rows that the streams are named after,
    and may hand over the events as `codec.encode` gave them.

    Raises OutsideTransaction outside a transaction, UnencodableEvent for
    values that cannot be stored, StaleStream where a stream is not at the version
    that the cause expects, and IntegrityError where another writer took the same
    version of a stream without that lock.
    """
    check_in_transaction()
    cause = current()
    encoded = encoded or [codec.encode(event) for event in events]
    facts = _facts(events, encoded, cause)
    appending.append(facts)
    _check_expected(cause, facts)
    cause.recorded.extend(fact.id for fact in facts)
    transaction.on_commit(nudge.work_waiting, robust=True)
    point("after_outbox_rows_before_commit")
    return [_recorded(fact, event) for fact, event in zip(facts, events, strict=True)]


def check_in_transaction() -> None:
    """Raise OutsideTransaction unless rows, facts and outbox commit together."""
    if not connection.in_atomic_block:
        raise OutsideTransaction("record()")


def read(*, after: int, upto: int) -> list[Placed]:
    """Return the events behind a position and up to another, in order."""
    with connection.cursor() as cursor:
        cursor.execute(_READ, [after, upto])
        return [
            Placed(place, id_, stream, codec.decode(name, version, orjson.loads(data)))
            for place, id_, stream, name, version, data in cursor.fetchall()
        ]


# By hand: a read model asks for as many as it can take, again and again.
_READ = """
SELECT p.position, e.id, e.stream, e.type, e.schema_version, e.data::text
FROM outbox_position p JOIN outbox_event e USING (seq)
WHERE p.position > %s AND p.position <= %s
ORDER BY p.position
"""


def history(*, about: UUID) -> Iterator[Recorded]:
    """Yield all events that concern an id, oldest first."""
    for row in Event.objects.filter(about__contains=[about]).order_by("seq"):
        yield _from_row(row, None)


def concerning(
    ids: Sequence[UUID], *, types: Sequence[str], upto: int | None = None
) -> Iterator[Recorded]:
    """
    Yield the events of these types that concern any of the ids, in order.

    With `upto`, those with a position up to it; without, also those, last, that wait
    for a position.
    """
    names = [name for each in types for name in codec.stored_as(each)]
    position = Position.objects.filter(seq=OuterRef("seq")).values("position")
    rows = (
        Event.objects.filter(about__overlap=list(ids), type__in=names)
        .annotate(position=Subquery(position))
        .order_by(F("position").asc(nulls_last=True), "seq")
    )
    if upto is not None:
        rows = rows.filter(position__lte=upto)
    for row in rows:
        yield _from_row(row, row.position)


def version_of(stream: str) -> int:
    """Return how many events a stream has, 0 for a new one."""
    return appending.versions({stream})[stream]


def by_ids(ids: Sequence[UUID]) -> list[DomainEvent]:
    """Return the events with these ids, in the order of the ids."""
    rows = {row.id: row for row in Event.objects.filter(id__in=ids)}
    return [decoded(rows[each]) for each in ids]


def look_ahead(batch: Sequence[Delivery]) -> None:
    """Read the rows of the events that deliveries are of, and keep them with these."""
    rows = {row.id: row for row in Event.objects.filter(id__in=_events_of(batch))}
    for each in batch:
        each.event_row = rows.get(each.event_id)  # type: ignore[attr-defined]


def _events_of(batch: Sequence[Delivery]) -> list[UUID]:
    return list(dict.fromkeys(each.event_id for each in batch))


def row_of(delivery: Delivery) -> Event:
    """Return the row of the event that a delivery is of."""
    ahead: Event | None = getattr(delivery, "event_row", None)
    return ahead or Event.objects.get(id=delivery.event_id)


def event_of(delivery: Delivery) -> DomainEvent:
    """Return the event that a delivery is of, in today's shape."""
    return decoded(row_of(delivery))


def decoded(row: Event) -> DomainEvent:
    """Return the event a row of the log holds, in today's shape."""
    return codec.decode(row.type, row.schema_version, row.data)


def _facts(
    events: Sequence[DomainEvent], encoded: Sequence[dict[str, Any]], cause: Cause
) -> list[Fact]:
    now = datetime.now(UTC)
    metadata = cause.metadata()
    of_stream: Counter[str] = Counter()
    facts = []
    for event, data in zip(events, encoded, strict=True):
        stream = codec.stream_of(event)
        of_stream[stream] += 1
        facts.append(
            Fact(
                id=new_id(),
                stream=stream,
                nth=of_stream[stream],
                type=event.type,
                schema_version=event.schema_version,
                data=data,
                about=codec.about(event),
                metadata=metadata,
                occurred_at=codec.occurred_at(event) or now,
            )
        )
    return facts


def _check_expected(cause: Cause, facts: Sequence[Fact]) -> None:
    """Raise StaleStream where a stream has gone on since who acts has seen it."""
    for fact in facts if cause.expects else ():
        # What follows goes on from our own.
        expected = cause.expects.pop(fact.stream, None)
        before = fact.version - fact.nth
        if expected is not None and before != expected:
            raise StaleStream(fact.stream, expected, before)


def _recorded(fact: Fact, event: DomainEvent) -> Recorded:
    return Recorded(
        id=fact.id,
        stream=fact.stream,
        version=fact.version,
        event=event,
        metadata=fact.metadata,
        occurred_at=fact.occurred_at,
    )


def _from_row(row: Event, position: int | None) -> Recorded:
    return Recorded(
        id=row.id,
        stream=row.stream,
        version=row.version,
        event=decoded(row),
        metadata=row.metadata,
        occurred_at=row.occurred_at,
        recorded_at=row.recorded_at,
        position=position,
    )
