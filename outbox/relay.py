"""
Attempt, settle, postpone: the relay's second step.

What is due is claimed (see `claims.py`), attempted with no transaction open
across a network, and its outcome written down under the fence of its claim.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from datetime import timedelta
from itertools import count
from pathlib import Path

from django.db import (
    InterfaceError,
    OperationalError,
    connection,
    transaction,
)
from django.db.models import F

from outbox import attempts, schedule
from outbox.channels.contract import Channel, Outcome
from outbox.claims import Lease, claim, release, settle
from outbox.columns import Now
from outbox.errors import Fenced, UnknownEventType
from outbox.models import Attempt, Delivery, Status
from outbox.points import point

logger = logging.getLogger(__name__)

OURS_AGAIN = schedule.pause(5.0)
SILENCE = schedule.pause(5.0)  # for what is owed to somebody who did not answer
LONGEST_DRAIN = 5.0
RETRIED_FIRST = 5  # one batch in so many
LOST_CONNECTION = ("08", "57P")
MAY_PASS = ("40", "55P03")  # deadlocks and the like; a lock waited for too long

stopping = threading.Event()
"""Set when this process is to end: what is claimed but not begun is given back."""


_under_way: dict[int, Lease] = {}
"""The lease of each thread's attempt."""


def drain(channel: Channel, *, seconds: float = LONGEST_DRAIN) -> bool:
    """Deliver what is due on a channel; tell whether time ran out before work."""
    ends = time.monotonic() + seconds
    for turn in count():
        if time.monotonic() >= ends or stopping.is_set():
            break
        # Either order takes both kinds; neither waits for all of the other.
        if not deliver_batch(channel, retried_first=turn % RETRIED_FIRST == 0):
            return False
    return not stopping.is_set()


def deliver_batch(channel: Channel, *, retried_first: bool = False) -> int:
    """Claim a batch and attempt each of it; return how many were claimed."""
    lease = Lease.starting_now()
    batch = claim(channel, retried_first=retried_first)
    wait = timedelta(0)
    for delivery in batch:
        ends = lease.end_of(channel.DEADLINE)
        try:
            if wait or ends is None or stopping.is_set():
                release(delivery, wait)
                continue
            _under_way[threading.get_ident()] = lease
            outcome = attempt(channel, delivery, ends)
            # All of a batch is for one destination. The rest would only wait for
            # the same silence, and keep this thread from those who do answer.
            wait = SILENCE if outcome and outcome.silent else timedelta(0)
        except Exception:  # whatever it is, what is left of the batch goes on
            logger.exception("no outcome could be written for %s", delivery)
            _drop_dead_connection()  # what is left of the batch gets one that lives
        finally:
            _under_way.pop(threading.get_ident(), None)
    return len(batch)


def overdue() -> bool:
    """
    Tell whether an attempt of this process has outlived its lease.

    Nothing can end such an attempt but the end of the process; the delivery has
    been charged, and a receiver that loops for ever is dead after its last one.
    """
    return any(lease.is_over() for lease in list(_under_way.values()))


def attempt(channel: Channel, delivery: Delivery, ends: float) -> Outcome | None:
    """
    Try once, until `ends` at the latest, and write down what became of it.

    Return the outcome, or None if it came too late to count.
    """
    with attempts.named(delivery):
        started = time.monotonic()
        point("before_attempt")
        try:
            if channel.IN_TRANSACTION:
                outcome = _try_in_transaction(channel, delivery, ends)
            else:
                outcome = _try(channel, delivery, ends)
        except Fenced as fenced:
            _note_fenced(channel, delivery, str(fenced), started)
            attempts.fenced(channel, time.monotonic() - started)
            return None
        attempts.ended(channel, outcome, time.monotonic() - started)
        point("after_settle")
    return outcome


def _try_in_transaction(channel: Channel, delivery: Delivery, ends: float) -> Outcome:
    """Effect and outcome commit together; if the fence holds, neither does."""
    started = time.monotonic()
    try:
        with transaction.atomic():
            _commit_without_waiting()
            outcome = channel.deliver(delivery, ends)
            if outcome.delivered:
                point("after_effect_before_settle")
                _conclude(channel, delivery, outcome, started)
                return outcome
            transaction.set_rollback(True)
    except Fenced:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a receiver raises is its own
        outcome = _failure(error)
    with transaction.atomic():
        _conclude(channel, delivery, outcome, started)
    return outcome


def _commit_without_waiting() -> None:
    # Effect and outcome stand in one transaction. Should the server crash before
    # it is on disk both are gone, and the claim, which was waited for, is due again.
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")


def _try(channel: Channel, delivery: Delivery, ends: float) -> Outcome:
    """Reach out with no transaction open, then write the outcome down."""
    started = time.monotonic()
    try:
        outcome = channel.deliver(delivery, ends)
    except Fenced:
        raise
    except Exception as error:  # noqa: BLE001 - one faulty delivery stops no other
        outcome = _failure(error)
    point("after_send_before_settle")
    _drop_dead_connection()  # it may have died meanwhile
    with transaction.atomic():
        _conclude(channel, delivery, outcome, started)
    return outcome


def _drop_dead_connection() -> None:
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()


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


def _conclude(
    channel: Channel, delivery: Delivery, outcome: Outcome, started: float
) -> None:
    """Settle or postpone, with the attempt's row; raise Fenced if no longer ours."""
    if not _settled(channel, delivery, outcome):
        raise Fenced(outcome.name)
    Attempt.objects.create(
        delivery_id=delivery.id,
        claim=delivery.claim,
        seconds=time.monotonic() - started,
        outcome=outcome.name,
        ambiguous=outcome.ambiguous,
        http_status=outcome.http_status,
        answer=outcome.answer,
        worker=delivery.worker,
    )
    point("after_settle_before_commit")


def _note_fenced(
    channel: Channel, delivery: Delivery, name: str, started: float
) -> None:
    """Say in the row of a lost claim what came of it after all."""
    told = {
        "outcome": "fenced",
        "ambiguous": not channel.IN_TRANSACTION,
        "answer": f"came too late: {name}",
        "seconds": time.monotonic() - started,
        "worker": delivery.worker,
    }
    row = Attempt.objects.filter(delivery_id=delivery.id, claim=delivery.claim)
    # One that tells of another outcome is right: only the answer to its commit was
    # lost, and what was fenced off is our second opinion.
    if not row.filter(outcome="lost").update(**told):
        Attempt.objects.get_or_create(
            delivery_id=delivery.id, claim=delivery.claim, defaults=told
        )


def _settled(channel: Channel, delivery: Delivery, outcome: Outcome) -> bool:
    if outcome.delivered:
        return settle(delivery, status=Status.DELIVERED, error="", finished_at=Now())
    error = f"{outcome.name}: {outcome.answer}"[:500]
    if delivery.sending_at is not None and outcome.ambiguous:
        return settle(delivery, status=Status.UNKNOWN, error=error, finished_at=Now())
    if not outcome.charged:
        return settle(
            delivery,
            attempts=F("attempts") - 1,
            due_at=Now() + OURS_AGAIN,
            error=error,
            sending_at=None,
        )
    wait = schedule.next_delay(
        channel.RETRIES, delivery.attempts, hint=outcome.retry_after
    )
    if outcome.final or wait is None:
        return settle(delivery, status=Status.DEAD, error=error, finished_at=Now())
    return settle(delivery, due_at=Now() + wait, error=error, sending_at=None)
