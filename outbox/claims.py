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
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from outbox import schedule
from outbox.channels.contract import Channel
from outbox.errors import Fenced
from outbox.models import Attempt, Delivery, Now, Status
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
    order = "DESC" if retried_first else "ASC"
    values: dict[str, Any] = {
        "channel": channel.NAME,
        "share": channel.PER_DESTINATION,
        "batch": channel.BATCH,
        "lease": LEASE,
        "worker": worker_name(),
    }
    point("before_claim")
    with transaction.atomic():
        claimed = list(Delivery.objects.raw(_CLAIM.replace("/*order*/", order), values))
        _note_lost(channel, claimed)
        due = [each for each in claimed if not _ended(channel, each)]
        point("after_claim_before_commit")
    point("after_claim")
    return sorted(due, key=lambda each: each.position)


def settle(delivery: Delivery, **outcome: Any) -> bool:
    """Write the outcome down, unless a later claim has taken over."""
    mine = Delivery.objects.filter(
        id=delivery.id, claim=delivery.claim, status=Status.PENDING
    )
    return bool(mine.update(worker="", **outcome))


def release(delivery: Delivery, wait: timedelta) -> bool:
    """Give a claim back uncharged: nothing was tried."""
    return settle(delivery, attempts=F("attempts") - 1, due_at=Now() + wait)


def sending(delivery: Delivery) -> None:
    """
    Note, and commit, that something leaves now which must never leave twice.

    Raises Fenced if the claim is not ours any more: then it must not leave.
    """
    mine = Delivery.objects.filter(
        id=delivery.id, claim=delivery.claim, status=Status.PENDING
    )
    if not mine.update(sending_at=Now()):
        raise Fenced("sending")
    delivery.sending_at = timezone.now()


def attempts_allowed(channel: Channel) -> int:
    """Return how many attempts a delivery has: the first, and the retries."""
    return len(channel.RETRIES) + 1


def _ended(channel: Channel, delivery: Delivery) -> bool:
    """End what must not be attempted again; tell whether it was."""
    if delivery.sending_at is not None:
        return settle(
            delivery, status=Status.UNKNOWN, error=DOUBTFUL, finished_at=Now()
        )
    if delivery.attempts > attempts_allowed(channel):
        return settle(delivery, status=Status.DEAD, error=SPENT, finished_at=Now())
    return False


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


# The first part walks the index from destination to destination; the second draws
# one of those with something due and with room for another claim; the third takes
# its batch, lanes permitting. Chance, and not the age of what is due, is what keeps
# a destination with a long backlog from being served before all others.
_IS_DUE = """
    d.channel = %(channel)s AND d.status = 'pending'
    AND d.destination = t.destination
    AND d.due_at <= clock_timestamp()
    AND (d.lane IS NULL OR NOT EXISTS (
        SELECT FROM outbox_delivery earlier
        WHERE earlier.channel = %(channel)s AND earlier.status = 'pending'
          AND earlier.destination = d.destination
          AND earlier.lane = d.lane AND earlier.position < d.position))
    ORDER BY least(d.attempts, 1) /*order*/, d.due_at, d.id
"""
_CLAIM = f"""
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
), drawn AS MATERIALIZED (
    SELECT t.destination, %(share)s - claims.held AS room
    FROM destinations t
    CROSS JOIN LATERAL (
        SELECT count(*) AS held FROM outbox_delivery d
        WHERE d.channel = %(channel)s AND d.status = 'pending'
          AND d.destination = t.destination
          AND d.worker <> '' AND d.due_at > clock_timestamp()
    ) claims
    CROSS JOIN LATERAL (
        SELECT least(d.attempts, 1) AS retried FROM outbox_delivery d
        WHERE {_IS_DUE} LIMIT 1
    ) oldest
    WHERE claims.held < %(share)s
    ORDER BY oldest.retried /*order*/, claims.held, random()
    LIMIT 1
), due AS MATERIALIZED (
    SELECT d.id, d.worker
    FROM drawn t
    CROSS JOIN LATERAL (
        SELECT d.id, d.worker FROM outbox_delivery d
        WHERE {_IS_DUE} LIMIT least(%(batch)s, t.room)
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
RETURNING d.*, due.worker AS lost_by
"""  # noqa: S608 - both parts stand right here
