"""
Claim, attempt, settle, postpone: the relay's second step.

A claim is a reschedule: it pushes the due time past the lease, counts `claim`
and `attempts` up, and commits before any effect. Every outcome is written
only under the claim it belongs to, so a worker that was frozen past its lease
cannot overwrite its successor.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import (
    DatabaseError,
    InterfaceError,
    OperationalError,
    connection,
    transaction,
)
from django.db.models import F

from outbox import schedule
from outbox.channels.contract import Channel, Outcome
from outbox.errors import Fenced, UnknownEventType
from outbox.models import Attempt, Delivery, Now, Status

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=schedule.LEASE)
OURS_AGAIN = timedelta(seconds=5)
LONGEST_DRAIN = 5.0
SPENT = "lost: none of its attempts came back with an outcome"
LOST_CONNECTION = ("08", "57P")
MAY_PASS = ("40", "55P03")  # deadlocks and the like; a lock waited for too long

stopping = threading.Event()
"""Set when this process is to end: what is claimed but not begun is given back."""


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


_under_way: dict[int, Lease] = {}
"""The lease of each thread's attempt."""


def worker_name() -> str:
    """Return who is working: host, process and thread."""
    return f"{socket.gethostname()}:{os.getpid()}:{threading.get_native_id()}"[:100]


def drain(channel: Channel, *, seconds: float = LONGEST_DRAIN) -> bool:
    """Deliver what is due on a channel; tell whether time ran out before work."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and not stopping.is_set():
        if not deliver_batch(channel):
            return False
    return not stopping.is_set()


def deliver_batch(channel: Channel, *, retried_first: bool = False) -> int:
    """Claim a batch and attempt each of it; return how many were claimed."""
    lease = Lease.starting_now()
    batch = claim(channel, retried_first=retried_first)
    for delivery in batch:
        try:
            if lease.covers(channel.DEADLINE) and not stopping.is_set():
                _under_way[threading.get_ident()] = lease
                attempt(channel, delivery)
            else:
                release(delivery, timedelta(0))
        except DatabaseError:
            logger.exception("no outcome could be written for %s", delivery)
        finally:
            _under_way.pop(threading.get_ident(), None)
    return len(batch)


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


def overdue() -> bool:
    """
    Tell whether an attempt of this process has outlived its lease.

    Nothing can end such an attempt but the end of the process; the delivery has
    been charged, and a receiver that loops for ever is dead after its last one.
    """
    return any(not lease.covers(0) for lease in list(_under_way.values()))


def attempt(channel: Channel, delivery: Delivery) -> None:
    """Try once, and write down what became of it."""
    started = time.monotonic()
    outcome = _try_in_transaction if channel.IN_TRANSACTION else _try
    try:
        outcome(channel, delivery, started)
    except Fenced:
        logger.warning("outcome fenced off: %s was claimed again", delivery)


def settle(delivery: Delivery, **outcome: Any) -> bool:
    """Write the outcome down, unless a later claim has taken over."""
    mine = Delivery.objects.filter(
        id=delivery.id, claim=delivery.claim, status=Status.PENDING
    )
    return bool(mine.update(worker="", **outcome))


def release(delivery: Delivery, wait: timedelta) -> bool:
    """Give a claim back uncharged: nothing was tried."""
    return settle(delivery, attempts=F("attempts") - 1, due_at=Now() + wait)


def _try_in_transaction(channel: Channel, delivery: Delivery, started: float) -> None:
    """Effect and outcome commit together; if the fence holds, neither does."""
    try:
        with transaction.atomic():
            _commit_without_waiting()
            outcome = channel.deliver(delivery)
            if outcome.delivered:
                _conclude(channel, delivery, outcome, started)
                return
            transaction.set_rollback(True)
    except Fenced:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a receiver raises is its own
        outcome = _failure(error)
    with transaction.atomic():
        _conclude(channel, delivery, outcome, started)


def _commit_without_waiting() -> None:
    # Effect and outcome stand in one transaction. Should the server crash before
    # it is on disk both are gone, and the claim, which was waited for, is due again.
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")


def _try(channel: Channel, delivery: Delivery, started: float) -> None:
    """Reach out with no transaction open, then write the outcome down."""
    try:
        outcome = channel.deliver(delivery)
    except Exception as error:  # noqa: BLE001 - one faulty delivery stops no other
        outcome = _failure(error)
    with transaction.atomic():
        _conclude(channel, delivery, outcome, started)


def _failure(error: Exception) -> Outcome:
    """
    Return what an exception means: its kind and place, never its words.

    A receiver is handed people's rows, and what it raises may quote them.
    """
    trace = traceback.extract_tb(error.__traceback__)
    place = f"{Path(trace[-1].filename).name}:{trace[-1].lineno}" if trace else ""
    logger.warning(
        "attempt failed: %s at\n%s",
        type(error).__name__,
        "".join(traceback.format_list(trace)),
    )
    return Outcome(
        delivered=False,
        name=type(error).__name__[:40],
        charged=not _is_ours(error),
        answer=" ".join(filter(None, [f"at {place}", _sqlstate(error)])),
    )


def _is_ours(error: Exception) -> bool:
    """Tell a failure of our own, which costs the delivery no attempt."""
    if isinstance(error, UnknownEventType | InterfaceError):
        return True  # code that is older than the event; no connection
    state = _sqlstate(error)
    if isinstance(error, OperationalError) and not state:
        return True  # the server did not even answer
    return state.startswith((*LOST_CONNECTION, *MAY_PASS))


def _sqlstate(error: Exception) -> str:
    return getattr(error.__cause__, "sqlstate", None) or ""


def _limit(channel: Channel) -> int:
    """Return how many attempts a delivery has: the first, and the retries."""
    return len(channel.RETRIES) + 1


def _conclude(
    channel: Channel, delivery: Delivery, outcome: Outcome, started: float
) -> None:
    """Settle or postpone, with the attempt's row; raise Fenced if no longer ours."""
    if not _settled(channel, delivery, outcome):
        raise Fenced
    Attempt.objects.create(
        delivery_id=delivery.id,
        claim=delivery.claim,
        seconds=time.monotonic() - started,
        outcome=outcome.name,
        http_status=outcome.http_status,
        answer=outcome.answer,
        worker=delivery.worker,
    )


def _settled(channel: Channel, delivery: Delivery, outcome: Outcome) -> bool:
    if outcome.delivered:
        return settle(delivery, status=Status.DELIVERED, error="", finished_at=Now())
    error = f"{outcome.name}: {outcome.answer}"[:500]
    if not outcome.charged:
        return settle(
            delivery,
            attempts=F("attempts") - 1,
            due_at=Now() + OURS_AGAIN,
            error=error,
        )
    wait = schedule.next_delay(
        channel.RETRIES, delivery.attempts, hint=outcome.retry_after
    )
    if outcome.final or wait is None:
        return settle(delivery, status=Status.DEAD, error=error, finished_at=Now())
    return settle(delivery, due_at=Now() + wait, error=error)


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
