"""
Claim, attempt, conclude: the relay's second step.

What is due is claimed (see `claims.py`), attempted with no transaction open across
a network, and its outcome written down under the fence of its claim (`outcomes.py`).
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta
from itertools import count

from django.db import connection, transaction

from outbox import attempts, outcomes, schedule
from outbox.channels.contract import Channel, Outcome
from outbox.claims import Lease, claim, release
from outbox.errors import Fenced
from outbox.models import Delivery
from outbox.points import point

logger = logging.getLogger(__name__)

SILENCE = schedule.pause(5.0)  # for what is owed to somebody who did not answer
LONGEST_DRAIN = 5.0
RETRIED_FIRST = 5  # one batch in so many

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
            outcomes.note_fenced(channel, delivery, str(fenced), started)
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
                outcomes.conclude(channel, delivery, outcome, started)
                point("after_settle_before_commit")
                return outcome
            transaction.set_rollback(True)
    except Fenced:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a receiver raises is its own
        outcome = outcomes.failure(error)
    outcomes.conclude(channel, delivery, outcome, started)
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
        outcome = outcomes.failure(error)
    point("after_send_before_settle")
    _drop_dead_connection()  # it may have died meanwhile
    outcomes.conclude(channel, delivery, outcome, started)
    return outcome


def _drop_dead_connection() -> None:
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()
