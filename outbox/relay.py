"""
Claim, attempt, conclude: the relay's second step.

What is due is claimed (see `claims.py`), attempted with no transaction open across
a network, and its outcome written down under the fence of its claim (`outcomes.py`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from itertools import count

from django.db import connection, transaction

from outbox import attempts, outcomes, schedule
from outbox.channels.contract import AllAtOnce, Channel, LooksAhead, Outcome
from outbox.claims import Lease, claim, release
from outbox.errors import Fenced
from outbox.held import Held
from outbox.models import Delivery
from outbox.outcomes import Success
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
    _look_ahead(channel, batch)
    if not _all_at_once(channel, batch, lease):
        held = Held(channel)
        try:
            _one_by_one(channel, batch, lease, held)
        finally:
            held.write()
    return len(batch)


def _look_ahead(channel: Channel, batch: Sequence[Delivery]) -> None:
    """Let the channel ask for all of a batch at once what it will want to know."""
    if not batch or not isinstance(channel, LooksAhead):
        return
    try:
        channel.look_ahead(batch)
    except Exception:  # then each attempt asks for itself, and fails for itself
        logger.warning("nothing could be looked up ahead", exc_info=True)
        _drop_dead_connection()


def _all_at_once(channel: Channel, batch: Sequence[Delivery], lease: Lease) -> bool:
    """Deliver a batch in one transaction; False: nothing was done, nor charged."""
    ends = lease.end_of(channel.DEADLINE)
    if len(batch) < 2 or not isinstance(channel, AllAtOnce):
        return False
    if ends is None or stopping.is_set():
        return False
    started = time.monotonic()
    _under_way[threading.get_ident()] = lease
    try:
        with transaction.atomic():
            outcome = channel.deliver_all(batch, ends)
            if outcome is None:
                return False
            done = [Success(each, outcome, started) for each in batch]
            if len(outcomes.succeeded(channel, done)) < len(batch):
                raise Fenced(outcome.name)
            point("after_settle_before_commit")
    except Exception:  # one of them may be at fault: it shall not touch the others
        logger.info("a batch is delivered one by one", exc_info=True)
        _drop_dead_connection()
        return False
    finally:
        _under_way.pop(threading.get_ident(), None)
    for delivery in batch:
        with attempts.named(delivery):
            attempts.ended(channel, outcome, time.monotonic() - started)
            point("after_settle")
    return True


def _one_by_one(
    channel: Channel, batch: Sequence[Delivery], lease: Lease, held: Held
) -> None:
    wait = timedelta(0)
    for delivery in batch:
        ends = lease.end_of(channel.DEADLINE)
        try:
            if wait or ends is None or stopping.is_set():
                release(delivery, wait)
                continue
            _under_way[threading.get_ident()] = lease
            outcome = attempt(channel, delivery, ends, held)
            # All of a batch is for one destination. The rest would only wait for
            # the same silence, and keep this thread from those who do answer.
            wait = SILENCE if outcome and outcome.silent else timedelta(0)
        except Exception:  # whatever it is, what is left of the batch goes on
            logger.exception("no outcome could be written for %s", delivery)
            _drop_dead_connection()  # what is left of the batch gets one that lives
        finally:
            _under_way.pop(threading.get_ident(), None)


def overdue() -> bool:
    """
    Tell whether an attempt of this process has outlived its lease.

    Nothing can end such an attempt but the end of the process; the delivery has
    been charged, and a receiver that loops for ever is dead after its last one.
    """
    return any(lease.is_over() for lease in list(_under_way.values()))


def attempt(
    channel: Channel, delivery: Delivery, ends: float, held: Held | None = None
) -> Outcome | None:
    """
    Try once, until `ends` at the latest, and write down what became of it.

    A success may be left to `held`. Return the outcome, or None if it came too late
    to count.
    """
    with attempts.named(delivery):
        started = time.monotonic()
        point("before_attempt")
        try:
            if channel.IN_TRANSACTION:
                outcome = _try_in_transaction(channel, delivery, ends)
            else:
                outcome, is_held = _try(channel, delivery, ends, held)
                if is_held:
                    return outcome
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


def _try(
    channel: Channel, delivery: Delivery, ends: float, held: Held | None
) -> tuple[Outcome, bool]:
    """
    Reach out with no transaction open, then write the outcome down.

    Return it, and whether it is held and not written yet.
    """
    started = time.monotonic()
    try:
        outcome = channel.deliver(delivery, ends)
    except Fenced:
        raise
    except Exception as error:  # noqa: BLE001 - one faulty delivery stops no other
        outcome = outcomes.failure(error)
    point("after_send_before_settle")
    if held and _may_be_held(outcome, delivery):
        held.add(Success(delivery, outcome, started))
        return outcome, True
    if held:
        held.write()  # first: outcomes are counted in their order
    _drop_dead_connection()  # it may have died meanwhile
    outcomes.conclude(channel, delivery, outcome, started)
    return outcome, False


def _may_be_held(outcome: Outcome, delivery: Delivery) -> bool:
    # What must not leave twice would be in doubt for as long.
    return outcome.delivered and not outcome.ambiguous and delivery.sending_at is None


def _drop_dead_connection() -> None:
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()
