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
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from outbox import schedule
from outbox.channels.contract import Channel
from outbox.models import Attempt, Delivery, Now, Status

LEASE = timedelta(seconds=schedule.LEASE)
SPENT = "lost: none of its attempts came back with an outcome"


@dataclass(frozen=True, slots=True)
class Lease:
    """How long a claim holds, by this machine's monotonic clock."""

    ends: float

    @classmethod
    def starting_now(cls) -> Lease:
        """Start a lease; to be called *before* claiming, never after."""
        return cls(time.monotonic() + LEASE.total_seconds())

    def covers(self, seconds: float) -> bool:
        """Tell whether an attempt of this length would end inside the lease."""
        return self.ends - time.monotonic() > seconds


def worker_name() -> str:
    """Return who is working: host, process and thread."""
    return f"{socket.gethostname()}:{os.getpid()}:{threading.get_native_id()}"[:100]


def claim(channel: Channel, *, retried_first: bool = False) -> list[Delivery]:
    """
    Claim what is due, and commit, before anything is done about it.

    Each destination has a share of its own and they take turns, so that a dead one
    does not fill the batch. A delivery whose last claim was never settled goes
    alone: if it is poison, it takes nothing else with it. One that has lost all its
    attempts this way is dead.
    """
    order = "DESC" if retried_first else "ASC"
    values: dict[str, Any] = {
        "channel": channel.NAME,
        "share": channel.PER_DESTINATION,
        "batch": channel.BATCH,
        "lease": LEASE,
        "worker": worker_name(),
    }
    with transaction.atomic():
        claimed = list(Delivery.objects.raw(_CLAIM.replace("/*order*/", order), values))
        _note_lost(claimed)
        spent = [each for each in claimed if each.attempts > _limit(channel)]
        for each in spent:
            settle(each, status=Status.DEAD, error=SPENT, finished_at=Now())
    due = [each for each in claimed if each not in spent]
    return sorted(due, key=lambda each: (getattr(each, "turn", 0), each.position))


def settle(delivery: Delivery, **outcome: Any) -> bool:
    """Write the outcome down, unless a later claim has taken over."""
    mine = Delivery.objects.filter(
        id=delivery.id, claim=delivery.claim, status=Status.PENDING
    )
    return bool(mine.update(worker="", **outcome))


def release(delivery: Delivery, wait: timedelta) -> bool:
    """Give a claim back uncharged: nothing was tried."""
    return settle(delivery, attempts=F("attempts") - 1, due_at=Now() + wait)


def _limit(channel: Channel) -> int:
    """Return how many attempts a delivery has: the first, and the retries."""
    return len(channel.RETRIES) + 1


def _note_lost(claimed: Iterable[Delivery]) -> None:
    """Give a claim that was never settled its row: its outcome is not known."""
    Attempt.objects.bulk_create(
        Attempt(
            delivery_id=delivery.id,
            claim=delivery.claim - 1,
            outcome="lost",
            worker=worker,
        )
        for delivery in claimed
        if (worker := getattr(delivery, "lost_by", ""))
    )


# The first part walks the index from destination to destination; the second
# takes each one's share of what is due, lanes permitting. Everyone's first comes
# before anyone's second: a destination with much to be told waits for the others.
_CLAIM = """
WITH RECURSIVE destinations AS (
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
), due AS MATERIALIZED (
    SELECT d.id, d.worker, d.retried, d.due_at,
        row_number() OVER (
            PARTITION BY t.destination ORDER BY d.retried /*order*/, d.due_at, d.id
        ) AS turn
    FROM destinations t
    CROSS JOIN LATERAL (
        SELECT d.id, d.worker, d.due_at, least(d.attempts, 1) AS retried
        FROM outbox_delivery d
        WHERE d.channel = %(channel)s AND d.status = 'pending'
          AND d.destination = t.destination
          AND d.due_at <= clock_timestamp()
          AND (d.lane IS NULL OR NOT EXISTS (
              SELECT FROM outbox_delivery earlier
              WHERE earlier.channel = %(channel)s AND earlier.status = 'pending'
                AND earlier.destination = d.destination
                AND earlier.lane = d.lane AND earlier.position < d.position))
        ORDER BY least(d.attempts, 1) /*order*/, d.due_at, d.id
        LIMIT greatest(0, %(share)s - (
            SELECT count(*) FROM outbox_delivery held
            WHERE held.channel = %(channel)s AND held.status = 'pending'
              AND held.destination = t.destination
              AND held.worker <> '' AND held.due_at > clock_timestamp()))
        FOR UPDATE SKIP LOCKED
    ) d
), alone AS (
    SELECT id FROM due WHERE worker <> '' ORDER BY id LIMIT 1
), chosen AS (
    SELECT id, worker, turn FROM due
    WHERE NOT EXISTS (SELECT FROM alone) OR id = (SELECT id FROM alone)
    ORDER BY turn, retried /*order*/, due_at, id
    LIMIT %(batch)s
)
UPDATE outbox_delivery d
SET claim = d.claim + 1,
    attempts = d.attempts + 1,
    due_at = clock_timestamp() + %(lease)s,
    worker = %(worker)s
FROM chosen
WHERE d.id = chosen.id
RETURNING d.*, chosen.worker AS lost_by, chosen.turn
"""
