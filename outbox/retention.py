"""
Keeping the tables small: what ended long ago is pruned, event by event.

An event's deliveries, their attempts and its outbox row go together, once every
one of them ended before the window. What goes is counted in `Tally` in the same
transaction, so that the audit's sums stay whole. Events and positions are never
pruned. What is not final is never pruned either, however old it is.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from outbox.points import point

PRUNER = 0x7072756E  # "prun": one at a time in a database
BATCH = 500  # events

_START = (datetime.min.replace(tzinfo=UTC), UUID(int=0))


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was pruned; `finished` says that nothing is left to be pruned now."""

    events: int = 0
    deliveries: int = 0
    attempts: int = 0
    finished: bool = False


def window() -> timedelta:
    """Return for how long what has ended is kept."""
    return timedelta(days=settings.OUTBOX["KEEP_DAYS"])


def prune(
    *,
    keep: timedelta,
    seconds: float = math.inf,
    wait: bool = True,
    dry_run: bool = False,
    stopped: Callable[[], bool] = lambda: False,
) -> Pruned:
    """
    Prune what ended longer than `keep` ago, for so many seconds at the most.

    One is at it at a time. Who does not `wait` for the turn leaves it to the other.
    A dry run does all of it, and takes it back.
    """
    ends = time.monotonic() + seconds
    ended_before = _moment(keep)
    pruned, after = Pruned(), _START
    while not stopped() and time.monotonic() < ends:
        batch = _next_batch(ended_before, after, wait=wait, dry_run=dry_run)
        if batch is None:
            return pruned
        pruned = replace(
            pruned,
            events=pruned.events + batch.events,
            deliveries=pruned.deliveries + batch.deliveries,
            attempts=pruned.attempts + batch.attempts,
        )
        if batch.looked_at < BATCH:
            return replace(pruned, finished=True)
        after = batch.last
    return pruned


@dataclass(frozen=True, slots=True)
class _Batch:
    looked_at: int
    last: tuple[datetime, UUID]
    events: int
    deliveries: int
    attempts: int


def _next_batch(
    ended_before: datetime,
    after: tuple[datetime, UUID],
    *,
    wait: bool,
    dry_run: bool,
) -> _Batch | None:
    """Prune among the next outbox rows; None if somebody else is at it."""
    values: dict[str, Any] = {
        "ended_before": ended_before,
        "after_added": after[0],
        "after_id": after[1],
        "size": BATCH,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        if not _is_my_turn(cursor, wait=wait):
            return None
        cursor.execute(_PRUNE, values)
        looked_at, added, last_id, *counts = cursor.fetchone()
        transaction.set_rollback(dry_run)
        point("after_prune_before_commit")
    return _Batch(looked_at, (added, last_id), *counts)


def _is_my_turn(cursor: Any, *, wait: bool) -> bool:
    if wait:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [PRUNER])
        return True
    cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [PRUNER])
    return bool(cursor.fetchone()[0])


def _moment(keep: timedelta) -> datetime:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT clock_timestamp() - make_interval(secs => %s)",
            [keep.total_seconds()],
        )
        moment: datetime = cursor.fetchone()[0]
    return moment


# Walks the index of `added`: each batch begins where the last one ended, and rows
# that were pruned are not there any more. The deliveries are locked before they are
# looked at, in the order in which a retry locks them: one that starts anew at this
# moment is seen as pending, and keeps all of its event.
_PRUNE = """
WITH candidates AS MATERIALIZED (
    SELECT p.id, p.added
    FROM published p
    WHERE p.added >= %(after_added)s
      AND (p.added, p.id) > (%(after_added)s, %(after_id)s)
      AND p.added < %(ended_before)s AND p.status = 2
    ORDER BY p.added, p.id
    LIMIT %(size)s
), locked AS MATERIALIZED (
    SELECT d.id, d.event_id, d.status, d.finished_at
    FROM outbox_delivery d
    JOIN candidates c ON c.id = d.event_id
    ORDER BY d.id
    FOR UPDATE OF d
), kept AS (
    SELECT event_id FROM locked
    WHERE status = 'pending' OR finished_at IS NULL
       OR finished_at >= %(ended_before)s
), gone AS MATERIALIZED (
    SELECT c.id FROM candidates c
    JOIN outbox_position o ON o.event_id = c.id
    WHERE NOT EXISTS (SELECT FROM kept WHERE kept.event_id = c.id)
), attempts AS (
    DELETE FROM outbox_attempt a USING locked l, gone g
    WHERE a.delivery_id = l.id AND l.event_id = g.id
    RETURNING a.id
), deliveries AS (
    DELETE FROM outbox_delivery d USING locked l, gone g
    WHERE d.id = l.id AND l.event_id = g.id
    RETURNING d.channel, d.destination, d.status, d.children
), messages AS (
    DELETE FROM published p USING gone g WHERE p.id = g.id
    RETURNING p.id
), tallied AS (
    INSERT INTO outbox_tally (channel, destination, status, deliveries, children)
    SELECT channel, destination, status, count(*), sum(children)
    FROM deliveries
    GROUP BY channel, destination, status
    ON CONFLICT (channel, destination, status) DO UPDATE
    SET deliveries = outbox_tally.deliveries + excluded.deliveries,
        children = outbox_tally.children + excluded.children
)
SELECT count(*), max(added), (array_agg(id ORDER BY added DESC, id DESC))[1],
    (SELECT count(*) FROM messages),
    (SELECT count(*) FROM deliveries),
    (SELECT count(*) FROM attempts)
FROM candidates
"""
