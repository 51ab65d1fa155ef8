"""
How facts and their outbox rows get into their tables.

A few go by one statement, which counts their versions too; many by COPY. Either way
the outbox row holds the public message as one text, fixed at this moment: a later
change of code cannot change what the world is told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

import orjson
from django.conf import settings
from django.db.models import Max
from django_outbox_pattern.models import Published, StatusChoice

from outbox import prepared
from outbox.copying import MANY, copy_in
from outbox.models import Event

# django-outbox-pattern's own producer skips expired rows in silence.
NEVER = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(slots=True, kw_only=True)
class Fact:
    """A row of the log that is to be; `nth` counts within its stream, from 1."""

    id: UUID
    stream: str
    nth: int
    type: str
    schema_version: int
    data: dict[str, Any]
    about: list[UUID]
    metadata: dict[str, Any]
    occurred_at: datetime
    version: int = 0


class Told(Protocol):
    """What a message says of a fact, be it in the log already or not."""

    id: Any
    stream: Any
    version: Any
    type: Any
    data: Any
    occurred_at: Any


def append(facts: Sequence[Fact]) -> None:
    """Write facts and their outbox rows, and say in them which versions they are."""
    (_append_many if len(facts) >= MANY else _append)(facts)


def versions(streams: set[str]) -> Counter[str]:
    """Return the last version of each stream, 0 for a new one."""
    found = Event.objects.filter(stream__in=streams).values("stream")
    return Counter(
        dict(found.annotate(last=Max("version")).values_list("stream", "last"))
    )


def public_message(row: Told) -> str:
    """Return the message the world is told, in CloudEvents' attribute names."""
    before, after = _around_version(row)
    return f"{before}{row.version}{after}"


def outbox_row(row: Event) -> Published:
    """Return the outbox row of an event, not saved yet."""
    # bulk_create skips the package's save(), which would compute the headers.
    return Published(
        id=row.id,
        destination=row.type,
        version=str(row.version),
        body=public_message(row),
        expires_at=NEVER,
        headers=_headers(row),
    )


def _around_version(row: Told) -> tuple[str, str]:
    before = {
        "specversion": "1.0",
        "id": str(row.id),
        "type": row.type,
        "source": settings.OUTBOX["ORIGIN"],
        "subject": row.stream,
        "time": row.occurred_at.astimezone(UTC).isoformat(),
    }
    after = {"datacontenttype": "application/json", "data": row.data}
    return f'{_json(before)[:-1]},"version":', f",{_json(after)[1:]}"


def _headers(row: Told) -> dict[str, str]:
    return {"dop-msg-id": str(row.id), "dop-msg-destination": row.type}


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _append(facts: Sequence[Fact]) -> None:
    rows = [_given(fact) for fact in facts]
    with prepared.cursor() as cursor:
        cursor.execute(_APPEND, [_json(rows), NEVER, StatusChoice.SCHEDULE])
        written = dict(cursor.fetchall())
    for fact in facts:
        fact.version = written[fact.id]


def _given(fact: Fact) -> dict[str, Any]:
    before, after = _around_version(fact)
    return {
        "id": fact.id,
        "stream": fact.stream,
        "nth": fact.nth,
        "type": fact.type,
        "schema_version": fact.schema_version,
        "data": fact.data,
        "about": fact.about,
        "metadata": fact.metadata,
        "occurred_at": fact.occurred_at,
        "before": before,
        "after": after,
        "headers": _headers(fact),
    }


# The rows come, and get their numbers, in the order in which they are given. Versions
# are counted under the lock of the row that the stream is named after.
_APPEND = """
WITH given AS MATERIALIZED (
    SELECT g.*, g.nth + coalesce(
        (SELECT max(e.version) FROM outbox_event e WHERE e.stream = g.stream), 0
    ) AS version
    FROM json_to_recordset(%s) AS g (
        id uuid, stream text, nth bigint, type text, schema_version smallint,
        data jsonb, about uuid[], metadata jsonb, occurred_at timestamptz,
        before text, after text, headers jsonb
    )
), event AS (
    INSERT INTO outbox_event (
        id, stream, version, type, schema_version, data, about, metadata, occurred_at
    )
    SELECT id, stream, version, type, schema_version, data, about, metadata, occurred_at
    FROM given
    RETURNING id, version
), told AS (
    INSERT INTO published (
        id, version, destination, body, added, expires_at, retry, status, headers
    )
    SELECT id, version, type, to_jsonb(before || version || after),
        clock_timestamp(), %s, 0, %s, headers
    FROM given
)
SELECT id, version FROM event
"""


def _append_many(facts: Sequence[Fact]) -> None:
    last = versions({fact.stream for fact in facts})
    for fact in facts:
        fact.version = last[fact.stream] + fact.nth
    copy_in(Event, _OF_EVENT, map(_event, facts))
    now = datetime.now(UTC).isoformat()
    copy_in(Published, _OF_OUTBOX_ROW, [_outbox_row(fact, now) for fact in facts])


_OF_EVENT = (
    *("id", "stream", "version", "type", "schema_version", "data", "about"),
    *("metadata", "occurred_at"),
)
_OF_OUTBOX_ROW = (
    *("id", "version", "destination", "body", "added", "expires_at", "retry"),
    *("status", "headers"),
)


def _event(fact: Fact) -> tuple[str, ...]:
    return (
        str(fact.id),
        fact.stream,
        str(fact.version),
        fact.type,
        str(fact.schema_version),
        _json(fact.data),
        f"{{{','.join(map(str, fact.about))}}}",
        _json(fact.metadata),
        fact.occurred_at.isoformat(),
    )


def _outbox_row(fact: Fact, now: str) -> tuple[str, ...]:
    return (
        str(fact.id),
        str(fact.version),
        fact.type,
        _json(public_message(fact)),
        now,
        NEVER.isoformat(),
        "0",
        str(int(StatusChoice.SCHEDULE)),
        _json(_headers(fact)),
    )
