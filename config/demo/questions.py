"""What the demo asks its database, from outside and in plain SQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from config.demo.owed import Effect, Letter, Post


@dataclass(frozen=True, slots=True)
class Progress:
    """How far things have come."""

    events: int
    waiting: int
    owed: int
    pending: int

    @property
    def all_out(self) -> bool:
        """Whether nothing is owed any more."""
        return not (self.waiting or self.pending)


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that a relay is attempting."""

    id: int
    worker: str

    @property
    def pid(self) -> int:
        """The process of the relay, from "host:process:thread"."""
        return int(self.worker.split(":")[-2])


def progress(connection: psycopg.Connection[Any]) -> Progress:
    """Return how far things are, all of it at one moment."""
    row = connection.execute(
        """
        SELECT (SELECT count(*) FROM outbox_event),
            (SELECT count(*) FROM published WHERE status = 1),
            count(*), count(*) FILTER (WHERE status = 'pending')
        FROM outbox_delivery
        """
    ).fetchone()
    return Progress(*(row or (0, 0, 0, 0)))


def claim_on(
    connection: psycopg.Connection[Any], *, event: str, endpoint_id: str
) -> Claim | None:
    """Return the claim under which an event is being sent to an endpoint now."""
    row = connection.execute(
        """
        SELECT id, worker FROM outbox_delivery
        WHERE channel = 'webhooks' AND event_id = %s AND destination = %s
          AND status = 'pending' AND worker <> '' AND due_at > clock_timestamp()
        """,
        [UUID(event), endpoint_id],
    ).fetchone()
    return Claim(*row) if row else None


def effects(connection: psycopg.Connection[Any]) -> Counter[Effect]:
    """Return how often each receiver has had its effect on each event."""
    rows = connection.execute("SELECT event_id, receiver, type, about FROM demo_effect")
    return Counter(Effect(event_id.hex, *told) for event_id, *told in rows)


def events(connection: psycopg.Connection[Any]) -> Counter[str]:
    """Return how many events of each type the log holds."""
    rows = connection.execute("SELECT type, count(*) FROM outbox_event GROUP BY type")
    return Counter(dict(rows.fetchall()))


def positions(connection: psycopg.Connection[Any]) -> tuple[int, int]:
    """Return how many positions there are, and the last one."""
    row = connection.execute(
        "SELECT count(*), coalesce(max(position), 0) FROM outbox_position"
    ).fetchone()
    return row or (0, 0)


def ambiguous(
    connection: psycopg.Connection[Any], *, endpoints: Mapping[str, str]
) -> Counter[Post | Letter]:
    """
    Return how many ambiguous attempts each message to the outside has had.

    `endpoints` tells the name of each endpoint's id.
    """
    rows = connection.execute(
        """
        SELECT d.channel, d.event_id, e.type, d.destination, u.email
        FROM outbox_attempt a
        JOIN outbox_delivery d ON d.id = a.delivery_id
        JOIN outbox_event e ON e.id = d.event_id
        LEFT JOIN members_user u ON u.id::text = d.recipient
        WHERE d.channel IN ('webhooks', 'emails') AND a.ambiguous
        """
    )
    return Counter(
        Post(event_id.hex, endpoints[destination], event_type)
        if channel == "webhooks"
        else Letter(event_id.hex, email)
        for channel, event_id, event_type, destination, email in rows
    )


def pending(connection: psycopg.Connection[Any]) -> list[str]:
    """Return a line for each destination that something is still owed to."""
    rows = connection.execute(
        """
        SELECT channel || ' to ' || destination || ': ' || count(*) || ' pending, '
            || coalesce(max(nullif(error, '')), 'not tried yet')
        FROM outbox_delivery WHERE status = 'pending'
        GROUP BY channel, destination ORDER BY 1
        """
    )
    return [line for (line,) in rows]
