"""
Claims: taking what is due, and writing about it only while it is ours.

A claim is a reschedule: it pushes the due time past the lease, counts `claim`
and `attempts` up, and commits before any effect (`due.py` has the statement).
Every outcome is written only under the claim it belongs to, so a worker that was
frozen past its lease cannot overwrite its successor.
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

from django.db.models import F, QuerySet
from django.utils import timezone

from outbox import due, metrics, schedule
from outbox.channels.contract import Channel
from outbox.columns import Now
from outbox.errors import Fenced
from outbox.front import Front, Place, front
from outbox.models import Delivery, Status
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
    return [each for each in claimed if not _ended(channel, each)]


def _claim(
    channel: Channel, known: Mapping[Place, datetime] | None, retried_first: bool
) -> list[Delivery]:
    begun, here = time.monotonic(), front(channel.NAME)
    statement, values = due.statement_for(
        channel,
        known,
        worker=worker_name(),
        lease=LEASE,
        retried_first=retried_first,
    )
    point("before_claim")
    try:
        claimed = list(Delivery.objects.raw(statement, values))
    finally:  # one that failed has taken its time, too
        if known is None:
            here.looked_everywhere(time.monotonic() - begun)
    metrics.lost(channel, claimed)
    _move(here, claimed, channel.BATCH)
    return claimed


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
            now=one.asked_at,
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
    """End what must not be attempted again; tell whether it is such a one."""
    if delivery.sending_at is not None:
        status, error = Status.UNKNOWN, DOUBTFUL
    elif delivery.attempts > attempts_allowed(channel):
        status, error = Status.DEAD, SPENT
    else:
        return False
    # Uncharged: under this claim nothing is tried, nor was under one before it whose
    # holder died right here. Fenced, it is somebody else's to end.
    settle(
        delivery,
        attempts=min(delivery.attempts - 1, attempts_allowed(channel)),
        status=status,
        error=error,
        finished_at=Now(),
    )
    return True
