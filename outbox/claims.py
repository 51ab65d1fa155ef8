"""
Claims: taking what is due, and writing about it only while it is ours.

A claim is a reschedule: it pushes the due time past the lease, counts `claim`
and `attempts` up, and commits before any effect. Every outcome is written
only under the claim it belongs to, so a worker that was frozen past its lease
cannot overwrite its successor.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from outbox import metrics, schedule
from outbox.channels.contract import Channel
from outbox.columns import Now
from outbox.errors import Fenced
from outbox.front import Front, Place, front
from outbox.models import Attempt, Delivery, Status
from outbox.points import point

LEASE = timedelta(seconds=schedule.LEASE)
SPENT = "lost: none of its attempts came back with an outcome"
DOUBTFUL = "unknown: it may have been sent, and must not be sent twice"


@dataclass(frozen=True, slots=True)
class Lease:
    """How long a claim holds, by this machine's monotonic clock."""

    ends: float

    @classmethod
    def starting_now(cls) -> Lease:
        """Start a lease; to be called *before* claiming, never after."""
        return cls(time.monotonic() + LEASE.total_seconds())

    def end_of(self, seconds: float) -> float | None:
        """Return when an attempt of this length is over; None: not in the lease."""
        ends = time.monotonic() + seconds
        return ends if ends < self.ends else None

    def is_over(self) -> bool:
        """Tell whether what was claimed under it may belong to another by now."""
        return time.monotonic() >= self.ends


def worker_name() -> str:
    """Return who is working: host, process and thread."""
    return f"{socket.gethostname()}:{os.getpid()}:{threading.get_native_id()}"[:100]


def claim(channel: Channel, *, retried_first: bool = False) -> list[Delivery]:
    """
    Claim what is due, and commit, before anything is done about it.

    A batch is for one destination, so that a slow one holds up nobody else; which
    one is drawn by lot among those with the fewest claims. A delivery whose last
    claim was never settled goes alone: if it is poison, it takes nothing else with
    it. One that has lost all its attempts this way is dead.
    """
    here = front(channel.NAME)
    known = here.known()
    claimed = _claim(channel, known, retried_first)
    if known and not claimed and here.may_look():
        claimed = _claim(channel, None, retried_first)
    point("after_claim")
    return sorted(claimed, key=lambda each: (each.position, each.id))


def _claim(
    channel: Channel, known: Mapping[Place, datetime] | None, retried_first: bool
) -> list[Delivery]:
    begun, here = time.monotonic(), front(channel.NAME)
    statement, values = statement_for(channel, known, retried_first=retried_first)
    point("before_claim")
    with transaction.atomic():
        try:
            claimed = list(Delivery.objects.raw(statement, values))
        finally:  # one that failed has taken its time, too
            if known is None:
                here.looked_everywhere(time.monotonic() - begun)
        _note_lost(channel, claimed)
        due = [each for each in claimed if not _ended(channel, each)]
        point("after_claim_before_commit")
    metrics.lost(channel, claimed)
    _move(here, claimed, channel.BATCH)
    return due


def statement_for(
    channel: Channel,
    known: Mapping[Place, datetime] | None,
    *,
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
        "batch": channel.BATCH,
        "lease": LEASE,
        "worker": worker_name(),
    }
    where = _EVERYWHERE if known is None else _KNOWN
    order = "DESC" if retried_first else "ASC"
    return _CLAIM.format(places=where, order=order), values


def _move(here: Front, claimed: Sequence[Any], batch: int) -> None:
    if not claimed:
        return
    one = claimed[0]
    if len(claimed) == one.found:  # not where one goes alone, and leaves the others
        here.move(
            (one.destination, one.retried),
            [each.was_due_at for each in claimed],
            full=one.found >= min(batch, one.room),
            ordered=any(each.lane for each in claimed),
            now=one.due_at - LEASE,
        )


def settle(delivery: Delivery, **outcome: Any) -> bool:
    """Write the outcome down, unless a later claim has taken over."""
    return bool(_mine(delivery).update(worker="", **outcome))


def release(delivery: Delivery, wait: timedelta) -> bool:
    """Give a claim back uncharged: nothing was tried."""
    return settle(delivery, attempts=F("attempts") - 1, due_at=Now() + wait)


def sending(delivery: Delivery) -> None:
    """
    Note, and commit, that something leaves now which must never leave twice.

    Raises Fenced if the claim is not ours any more: then it must not leave.
    """
    if not _mine(delivery).update(sending_at=Now()):
        raise Fenced("sending")
    delivery.sending_at = timezone.now()


def _mine(delivery: Delivery) -> QuerySet[Delivery]:
    """Return the row while it is still under this claim: the fence."""
    return Delivery.objects.filter(
        id=delivery.id, claim=delivery.claim, status=Status.PENDING
    )


def attempts_allowed(channel: Channel) -> int:
    """Return how many attempts a delivery has: the first, and the retries."""
    return len(channel.RETRIES) + 1


def _ended(channel: Channel, delivery: Delivery) -> bool:
    """End what must not be attempted again; tell whether it was."""
    if delivery.sending_at is not None:
        status, error = Status.UNKNOWN, DOUBTFUL
    elif delivery.attempts > attempts_allowed(channel):
        status, error = Status.DEAD, SPENT
    else:
        return False
    # Uncharged: under this claim nothing is tried.
    return settle(
        delivery,
        attempts=F("attempts") - 1,
        status=status,
        error=error,
        finished_at=Now(),
    )


def _note_lost(channel: Channel, claimed: Sequence[Delivery]) -> None:
    """Give a claim that was never settled its row: its outcome is not known."""
    Attempt.objects.bulk_create(
        Attempt(
            delivery_id=delivery.id,
            claim=delivery.claim - 1,
            outcome="lost",
            ambiguous=not channel.IN_TRANSACTION,
            worker=worker,
        )
        for delivery in claimed
        if (worker := getattr(delivery, "lost_by", ""))
    )


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

# One place is drawn of those with something due and with room for another claim,
# then its batch is taken, lanes permitting. Chance, and not the age of what is due,
# keeps a destination with a long backlog from being served before all others. Both
# read the index in its order and stop; a further column to sort by would have all
# that is due read first. The
# time is the statement's: a clock that may change from row to row bounds no index
# scan, which would then go through all that waits for its retry.
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
    SELECT t.destination, t.retried, t.mark, %(share)s - claims.held AS room
    FROM places t
    CROSS JOIN LATERAL (
        SELECT count(*) AS held FROM outbox_delivery d
        WHERE d.channel = %(channel)s AND d.status = 'pending'
          AND d.destination = t.destination
          AND d.worker <> '' AND d.due_at > statement_timestamp()
    ) claims
    CROSS JOIN LATERAL (SELECT {_DUE} LIMIT 1) something
    WHERE claims.held < %(share)s
    ORDER BY t.retried {{order}}, claims.held, random()
    LIMIT 1
), due AS MATERIALIZED (
    SELECT d.*, t.retried, t.room
    FROM drawn t
    CROSS JOIN LATERAL (
        SELECT d.id, d.worker, d.due_at
        {_DUE} LIMIT least(%(batch)s, t.room)
        FOR UPDATE SKIP LOCKED
    ) d
), alone AS (
    SELECT id FROM due WHERE worker <> '' ORDER BY id LIMIT 1
)
UPDATE outbox_delivery d
SET claim = d.claim + 1,
    attempts = d.attempts + 1,
    due_at = clock_timestamp() + %(lease)s,
    worker = %(worker)s
FROM due
WHERE d.id = due.id
  AND (NOT EXISTS (SELECT FROM alone) OR d.id = (SELECT id FROM alone))
RETURNING d.*, due.worker AS lost_by, due.due_at AS was_due_at,
    due.retried, due.room, (SELECT count(*) FROM due) AS found,
    (SELECT e.metadata ->> 'correlation_id' FROM outbox_event e
     WHERE e.id = d.event_id) AS correlation_id,
    (SELECT e.metadata ->> 'traceparent' FROM outbox_event e
     WHERE e.id = d.event_id) AS traceparent
"""  # noqa: S608 - its parts stand right here
