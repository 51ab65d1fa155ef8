"""
Outcomes: what an attempt means for its delivery, written down under the fence.

`verdict` decides, and touches nothing; `conclude` writes the verdict and the attempt's
row in one statement, which changes nothing once a later claim has taken over.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import InterfaceError, OperationalError, connection

from outbox import health, schedule
from outbox.channels.contract import Channel, Outcome
from outbox.errors import Fenced, UnknownEventType
from outbox.models import Attempt, Delivery, Status

logger = logging.getLogger(__name__)

OURS_AGAIN = schedule.pause(5.0)
LOST_CONNECTION = ("08", "57P")
MAY_PASS = ("40", "55P03")  # deadlocks and the like; a lock waited for too long


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What becomes of a delivery; pending means that it is due again after `wait`."""

    status: Status
    error: str = ""
    wait: timedelta = timedelta(0)
    uncharged: bool = False


@dataclass(frozen=True, slots=True)
class Success:
    """An attempt that succeeded, and when it began."""

    delivery: Delivery
    outcome: Outcome
    started: float


def verdict(channel: Channel, delivery: Delivery, outcome: Outcome) -> Verdict:
    """Return what the outcome of an attempt makes of its delivery."""
    if outcome.delivered:
        return Verdict(status=Status.DELIVERED)
    error = f"{outcome.name}: {outcome.answer}"[:500]
    if delivery.sending_at is not None and outcome.ambiguous:
        return Verdict(status=Status.UNKNOWN, error=error)
    if not outcome.charged:
        return Verdict(
            status=Status.PENDING, error=error, wait=OURS_AGAIN, uncharged=True
        )
    wait = schedule.next_delay(
        channel.RETRIES, delivery.attempts, hint=outcome.retry_after
    )
    if outcome.final or wait is None:
        return Verdict(status=Status.DEAD, error=error)
    return Verdict(status=Status.PENDING, error=error, wait=wait)


def conclude(
    channel: Channel, delivery: Delivery, outcome: Outcome, started: float
) -> None:
    """
    Write down what became of an attempt, with its row; one statement.

    Raises Fenced, and has written nothing, if the delivery is no longer ours.
    """
    became = verdict(channel, delivery, outcome)
    values: dict[str, Any] = {
        "id": delivery.id,
        "claim": delivery.claim,
        "status": became.status.value,
        "error": became.error,
        "wait": became.wait,
        "uncharged": int(became.uncharged),
        "pending": became.status is Status.PENDING,
        "seconds": time.monotonic() - started,
        "outcome": outcome.name,
        "ambiguous": outcome.ambiguous,
        "http_status": outcome.http_status,
        "answer": outcome.answer,
        "worker": delivery.worker,
    }
    minded, more = health.after(outcome, delivery) if channel.GUARDED else ("", {})
    together = _WITH_ITS_EFFECT if channel.IN_TRANSACTION and outcome.delivered else ""
    with connection.cursor() as cursor:
        cursor.execute(
            _CONCLUDE.format(minded=minded, together=together), values | more
        )
        if not cursor.rowcount:
            raise Fenced(outcome.name)


# Effect and outcome stand in one transaction. Should the server crash before it is on
# disk both are gone, and the claim, which was waited for, is due again.
_WITH_ITS_EFFECT = " AND set_config('synchronous_commit', 'off', true) = 'off'"

# All of it or nothing. What is due again may be sent again: `sending_at` goes.
_CONCLUDE = """
WITH mine AS (
    UPDATE outbox_delivery SET
        worker = '',
        status = %(status)s,
        error = %(error)s,
        attempts = attempts - %(uncharged)s,
        due_at = CASE WHEN %(pending)s
            THEN clock_timestamp() + %(wait)s ELSE due_at END,
        sending_at = CASE WHEN %(pending)s THEN NULL ELSE sending_at END,
        finished_at = CASE WHEN %(pending)s THEN NULL ELSE clock_timestamp() END
    WHERE id = %(id)s AND claim = %(claim)s AND status = 'pending'{together}
    RETURNING id
){minded}
INSERT INTO outbox_attempt (delivery_id, claim, seconds, outcome, ambiguous,
    http_status, answer, worker)
SELECT id, %(claim)s, %(seconds)s, %(outcome)s, %(ambiguous)s,
    %(http_status)s, %(answer)s, %(worker)s
FROM mine
"""


def succeeded(channel: Channel, held: Sequence[Success]) -> set[int]:
    """
    Write down that all of these were delivered, with their rows; one statement.

    They are of one batch, and so of one destination. Return the ids of those that
    were still ours: of the others nothing was written.
    """
    now, first = time.monotonic(), held[0]
    values: dict[str, Any] = {
        "ids": [each.delivery.id for each in held],
        "claims": [each.delivery.claim for each in held],
        "seconds": [now - each.started for each in held],
        "outcomes": [each.outcome.name for each in held],
        "http_statuses": [each.outcome.http_status for each in held],
        "answers": [each.outcome.answer for each in held],
        "worker": first.delivery.worker,
    }
    guarded = channel.GUARDED
    minded, more = health.after(first.outcome, first.delivery) if guarded else ("", {})
    together = _WITH_ITS_EFFECT if channel.IN_TRANSACTION else ""
    with connection.cursor() as cursor:
        cursor.execute(
            _SUCCEEDED.format(minded=minded, together=together), values | more
        )
        return {delivery_id for (delivery_id,) in cursor.fetchall()}


# Led by an array of ids, as a claim is (`due.py`).
_SUCCEEDED = """
WITH told AS (
    SELECT * FROM unnest(
        %(ids)s::bigint[], %(claims)s::int[], %(seconds)s::float8[],
        %(outcomes)s::text[], %(http_statuses)s::smallint[], %(answers)s::text[]
    ) AS told (id, claim, seconds, outcome, http_status, answer)
), mine AS (
    UPDATE outbox_delivery d SET
        worker = '',
        status = 'delivered',
        error = '',
        finished_at = clock_timestamp()
    FROM told
    WHERE d.id = told.id AND d.id = ANY (%(ids)s::bigint[])
        AND d.claim = told.claim AND d.status = 'pending'{together}
    RETURNING d.id
){minded}
INSERT INTO outbox_attempt (delivery_id, claim, seconds, outcome, ambiguous,
    http_status, answer, worker)
SELECT id, claim, seconds, outcome, false, http_status, answer, %(worker)s
FROM mine JOIN told USING (id)
RETURNING delivery_id
"""


def note_fenced(
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


def failure(error: Exception) -> Outcome:
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
