"""
Proves that what was recorded is owed, and that what is owed is accounted for.

Every question is asked of one and the same moment, so that a relay may go on
while the audit looks. What it finds is a fault: of this program, or of a hand in
the tables. Tallies stand for what was pruned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django_outbox_pattern.models import Published, StatusChoice

from outbox import appending, claims
from outbox.channels.letters import CHILDREN
from outbox.channels.registry import channels
from outbox.models import Event, Position
from outbox.sequencer import SEQUENCER

FORGOTTEN = "event_forgotten"


@dataclass(frozen=True, slots=True)
class Check:
    """A question whose answer is 0 while all is well, with an example if not."""

    code: str
    meaning: str
    query: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has found; `code` is stable."""

    code: str
    count: int
    example: str
    meaning: str


def audit() -> list[Finding]:
    """Return what is wrong at this moment; to be called outside a transaction."""
    values = _values()
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        asked = [(check, *_ask(cursor, check, values)) for check in CHECKS]
    return [
        Finding(check.code, count, example or "", check.meaning)
        for check, count, example in asked
        if count
    ]


@transaction.atomic
def repair() -> int:
    """
    Give each forgotten event its outbox row; return how many there were.

    It then gets its position from the sequencer, behind all that have one, and is
    delivered like any other. The sequencer is kept out meanwhile: it must not meet
    a row twice.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SEQUENCER])
    forgotten = list(
        Event.objects.exclude(
            Exists(Position.objects.filter(event_id=OuterRef("id")))
        ).exclude(
            Exists(
                Published.objects.filter(
                    id=OuterRef("id"), status=StatusChoice.SCHEDULE
                )
            )
        )
    )
    there = Published.objects.filter(id__in=[event.id for event in forgotten])
    there.update(status=StatusChoice.SCHEDULE)
    Published.objects.bulk_create(
        [appending.outbox_row(event) for event in forgotten], ignore_conflicts=True
    )
    return len(forgotten)


def _ask(cursor: Any, check: Check, values: dict[str, Any]) -> tuple[int, str | None]:
    cursor.execute(check.query, values)
    count, example = cursor.fetchone()
    return int(count), example


def _values() -> dict[str, Any]:
    allowed = {
        name: claims.attempts_allowed(channel) for name, channel in channels().items()
    }
    return {
        "children": CHILDREN,
        "lease": claims.LEASE,
        "channels": list(allowed),
        "attempts": list(allowed.values()),
    }


# The sums reach back to the first event, over everything that was pruned. Of an
# event whose outbox row is there nothing was pruned, so it can be counted by itself:
# one delivery too few here and one too many there is no comfort.
_EACH_EVENT = """
SELECT count(*), min(event_id::text)
FROM (
    SELECT o.event_id, o.owed,
        count(d.id) FILTER (WHERE d.channel <> %(children)s) AS owed_now,
        coalesce(sum(d.children), 0) AS expanded,
        count(d.id) FILTER (WHERE d.channel = %(children)s) AS expanded_now
    FROM outbox_position o
    JOIN published p ON p.id = o.event_id
    LEFT JOIN outbox_delivery d ON d.event_id = o.event_id
    GROUP BY o.event_id, o.owed
) AS each
"""

CHECKS = (
    Check(
        FORGOTTEN,
        "events with neither a position nor an outbox row that waits for one",
        """
        SELECT count(*), min(e.id::text)
        FROM outbox_event e
        LEFT JOIN outbox_position o ON o.event_id = e.id
        LEFT JOIN published p ON p.id = e.id AND p.status = 1
        WHERE o.event_id IS NULL AND p.id IS NULL
        """,
    ),
    Check(
        "event_waits_twice",
        "events that have a position and wait for one: the sequencer cannot go on",
        """
        SELECT count(*), min(p.id::text)
        FROM published p
        JOIN outbox_position o ON o.event_id = p.id
        WHERE p.status = 1
        """,
    ),
    Check(
        "position_gap",
        "positions that are not 1, 2, 3 … without a gap",
        """
        SELECT count(*), min(position)::text
        FROM (
            SELECT position, row_number() OVER (ORDER BY position) AS place
            FROM outbox_position
        ) AS placed
        WHERE position <> place
        """,
    ),
    Check(
        "owed_sum",
        "deliveries more or less than were owed, from the first event on",
        """
        SELECT abs(
            (SELECT coalesce(sum(owed), 0) FROM outbox_position)
            - (SELECT count(*) FROM outbox_delivery WHERE channel <> %(children)s)
            - (SELECT coalesce(sum(deliveries), 0) FROM outbox_tally
               WHERE channel <> %(children)s)
        ), NULL
        """,
    ),
    Check(
        "owed_event",
        "events with more or fewer deliveries than they were owed",
        f"{_EACH_EVENT} WHERE owed <> owed_now",
    ),
    Check(
        "children_sum",
        "letters more or less than were expanded, from the first event on",
        """
        SELECT abs(
            (SELECT coalesce(sum(children), 0) FROM outbox_delivery)
            + (SELECT coalesce(sum(children), 0) FROM outbox_tally)
            - (SELECT count(*) FROM outbox_delivery WHERE channel = %(children)s)
            - (SELECT coalesce(sum(deliveries), 0) FROM outbox_tally
               WHERE channel = %(children)s)
        ), NULL
        """,
    ),
    Check(
        "children_event",
        "events with more or fewer letters than were expanded",
        f"{_EACH_EVENT} WHERE expanded <> expanded_now",
    ),
    Check(
        "message_missing",
        "deliveries whose event has no outbox row: its text is lost",
        """
        SELECT count(*), min(d.id)::text
        FROM outbox_delivery d
        LEFT JOIN published p ON p.id = d.event_id
        WHERE p.id IS NULL
        """,
    ),
    Check(
        "attempts_over_limit",
        "deliveries with more attempts than their channel allows",
        """
        SELECT count(*), min(d.id)::text
        FROM outbox_delivery d
        JOIN unnest(%(channels)s::text[], %(attempts)s::int[])
            AS allowed (channel, attempts) ON allowed.channel = d.channel
        WHERE d.attempts > allowed.attempts
        """,
    ),
    Check(
        "claim_stale",
        "claims older than twice the lease: no relay takes them over",
        """
        SELECT count(*), min(id)::text
        FROM outbox_delivery
        WHERE status = 'pending' AND worker <> ''
          AND due_at < now() - %(lease)s::interval
        """,
    ),
)
