"""
What is due: the one statement that finds a batch and claims it.

One destination is drawn by lot, a batch of what is due there is taken, past rows that
others hold, and a claim that was never settled gets its row among the attempts. Being
one statement it is one round trip, and one commit that is waited for. What a
destination can take is minded here as well (`health.py` says what that is).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from outbox import health
from outbox.channels.contract import Channel
from outbox.front import Place


def statement_for(
    channel: Channel,
    known: Mapping[Place, datetime] | None,
    *,
    worker: str,
    lease: timedelta,
    retried_first: bool = False,
) -> tuple[str, dict[str, Any]]:
    """Return the statement that claims a batch, and its values."""
    places = list((known or {}).items())
    values = {
        "destinations": [destination for (destination, _), _ in places],
        "retried": [retried for (_, retried), _ in places],
        "marks": [mark for _, mark in places],
        "channel": channel.NAME,
        "share": channel.PER_DESTINATION,
        "workers": channel.WORKERS,
        "batch": channel.BATCH,
        "lease": lease,
        "worker": worker,
        "ambiguous": not channel.IN_TRANSACTION,
        "breaks": health.FAILURES,
        "probe": health.PROBE,
    }
    where = _EVERYWHERE if known is None else _KNOWN
    order = "DESC" if retried_first else "ASC"
    return _CLAIM.format(places=where, order=order), values


# Where to look: from destination to destination along the index, or only in places
# that are known, and there from where the last claim ended (see `front.py`).
_EVERYWHERE = """
destinations AS (
    (SELECT destination FROM outbox_delivery
     WHERE channel = %(channel)s AND status = 'pending'
     ORDER BY destination LIMIT 1)
    UNION ALL
    SELECT (
        SELECT d.destination FROM outbox_delivery d
        WHERE d.channel = %(channel)s AND d.status = 'pending'
          AND d.destination > t.destination
        ORDER BY d.destination LIMIT 1
    )
    FROM destinations t WHERE t.destination IS NOT NULL
), places AS (
    SELECT destination, retried, '-infinity'::timestamptz AS mark
    FROM destinations CROSS JOIN (VALUES (0), (1)) AS either (retried)
    WHERE destination IS NOT NULL
)"""
_KNOWN = """
places AS (
    SELECT * FROM unnest(
        %(destinations)s::text[], %(retried)s::int[], %(marks)s::timestamptz[]
    ) AS known (destination, retried, mark)
)"""

# One that is limited, or whose breaker is open, is claimed for by one relay at a time:
# whoever finds its row held, or `not_before` another than it was, was second, and takes
# nothing. That makes limits exact, and of those who would probe it lets one.
#
# One place is drawn of those with something due and with room for another claim,
# then its batch is taken, lanes permitting. Chance, and not the age of what is due,
# keeps a destination with a long backlog from being served before all others. Both
# read the index in its order and stop; a further column to sort by would have all
# that is due read first. The time is the statement's: a clock that may change from row
# to row bounds no index scan, which would then go through all that waits for its retry.
#
# What was chosen is updated by an array of ids, which leads through the index; joined
# only, a planner to whom the table was empty at its last vacuum goes through all of it.
_DUE = """
    FROM outbox_delivery d
    WHERE d.channel = %(channel)s AND d.status = 'pending'
      AND d.destination = t.destination AND least(d.attempts, 1) = t.retried
      AND d.due_at BETWEEN t.mark AND statement_timestamp()
      AND (d.lane IS NULL OR NOT EXISTS (
          SELECT FROM outbox_delivery earlier
          WHERE earlier.channel = %(channel)s AND earlier.status = 'pending'
            AND earlier.destination = d.destination
            AND earlier.lane = d.lane AND earlier.position < d.position))
    ORDER BY d.due_at
"""
_CLAIM = f"""
WITH RECURSIVE {{places}}, drawn AS MATERIALIZED (
    SELECT t.destination, t.retried, t.mark, h.not_before,
        CASE WHEN h.failures >= %(breaks)s THEN 1
            ELSE least(%(share)s - claims.held, {health.TOKENS}) END AS room,
        CASE WHEN {health.IS_GUARDED} THEN h.id END AS guard
    FROM places t
    LEFT JOIN outbox_destination h
        ON h.channel = %(channel)s AND h.destination = t.destination
    CROSS JOIN LATERAL (
        SELECT count(*) AS held, count(DISTINCT d.worker) AS workers
        FROM outbox_delivery d
        WHERE d.channel = %(channel)s AND d.status = 'pending'
          AND d.destination = t.destination
          AND d.worker <> '' AND d.due_at > statement_timestamp()
    ) claims
    CROSS JOIN LATERAL (SELECT {_DUE} LIMIT 1) something
    WHERE claims.held < %(share)s
      AND claims.workers < least(%(workers)s, h.at_once)
      AND h.paused IS NOT TRUE
      AND (h.not_before IS NULL OR h.not_before <= statement_timestamp())
    ORDER BY t.retried {{order}}, claims.held, random()
    LIMIT 1
), guard AS MATERIALIZED (
    SELECT h.id FROM outbox_destination h JOIN drawn t ON t.guard = h.id
    WHERE h.not_before IS NOT DISTINCT FROM t.not_before
    FOR UPDATE OF h SKIP LOCKED
), due AS MATERIALIZED (
    SELECT d.*, t.retried, t.room
    FROM (
        SELECT * FROM drawn WHERE guard IS NULL OR EXISTS (SELECT FROM guard)
    ) t
    CROSS JOIN LATERAL (
        SELECT d.id, d.worker, d.due_at
        {_DUE} LIMIT least(%(batch)s, t.room)
        FOR UPDATE SKIP LOCKED
    ) d
), alone AS (
    SELECT id FROM due WHERE worker <> '' ORDER BY id LIMIT 1
), chosen AS (
    SELECT id FROM due
    WHERE NOT EXISTS (SELECT FROM alone) OR id = (SELECT id FROM alone)
), taken AS (
    UPDATE outbox_delivery d
    SET claim = d.claim + 1,
        attempts = d.attempts + 1,
        due_at = clock_timestamp() + %(lease)s,
        worker = %(worker)s
    FROM due
    WHERE d.id = due.id AND d.id = ANY (ARRAY(SELECT id FROM chosen))
    RETURNING d.*, due.worker AS lost_by, due.due_at AS was_due_at,
        statement_timestamp() AS asked_at,
        due.retried, due.room, (SELECT count(*) FROM due) AS found
), lost AS (
    INSERT INTO outbox_attempt
        (delivery_id, claim, outcome, ambiguous, answer, worker)
    SELECT id, claim - 1, 'lost', %(ambiguous)s, '', lost_by
    FROM taken WHERE lost_by <> ''
), paced AS (
    UPDATE outbox_destination h SET not_before = {health.AFTER_A_CLAIM}
    FROM guard, (SELECT count(*) AS claims FROM taken) n
    WHERE h.id = guard.id AND n.claims > 0
)
SELECT t.*, cause.correlation_id, cause.traceparent
FROM taken t
LEFT JOIN LATERAL (
    SELECT e.metadata ->> 'correlation_id' AS correlation_id,
        e.metadata ->> 'traceparent' AS traceparent
    FROM outbox_event e WHERE e.id = t.event_id
    LIMIT 1
) cause ON true
ORDER BY t.position, t.id
"""  # noqa: S608 - its parts stand right here
