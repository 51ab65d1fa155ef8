"""
How a destination has been answering, and how much it takes: the row that guards it.

Failures in a row are counted with the outcomes. After FAILURES of them the breaker is
open: nothing is claimed for the destination but one delivery now and then, a probe,
and the first success closes it. What waits meanwhile is not touched, so that it costs
no attempt and cannot be lost. Everything stands in the database and moves with claims
and outcomes, in their statements: all relays agree, and one that dies leaves nothing.

The pause between probes is a quarter of the time for which the destination has been
failing, so that one which comes back is noticed after a quarter more at the latest.

A rate is a bucket that holds a second's worth: of `per_second` at most that many, and
one, go out at once, and in T seconds (T + 1) * per_second + 1.
"""

from __future__ import annotations

from typing import Any

from outbox import schedule
from outbox.channels.contract import Outcome
from outbox.models import Delivery

FAILURES = 10  # as many as may be under way to a webhook: one bad moment opens nothing
SHORTEST = schedule.pause(5.0)
LONGEST = schedule.pause(300.0)
PROBE = schedule.pause(schedule.LEASE)  # until there is another, if one never ends

# Parts of the claim (`due.py`), in which `h` is the destination's row, if it has one.
IS_GUARDED = """
h.per_second IS NOT NULL OR h.at_once IS NOT NULL OR h.failures >= %(breaks)s"""
TOKENS = """
1 + floor(h.per_second * extract(epoch FROM statement_timestamp()
    - greatest(h.not_before, statement_timestamp() - interval '1 s')))::int"""
AFTER_A_CLAIM = """
CASE
    WHEN h.failures >= %(breaks)s THEN clock_timestamp() + %(probe)s
    WHEN h.per_second IS NULL THEN clock_timestamp()
    ELSE greatest(h.not_before, clock_timestamp() - interval '1 s')
        + n.claims / h.per_second * interval '1 s'
END"""


def after(outcome: Outcome, delivery: Delivery) -> tuple[str, dict[str, Any]]:
    """
    Return the part of an outcome's statement that minds the destination.

    What ends a delivery for good is about that delivery, and what is not charged is
    a failure of our own: neither says anything of the destination.
    """
    of = {"channel": delivery.channel, "destination": delivery.destination}
    if outcome.delivered:
        return _SUCCEEDED, {**of, "breaks": FAILURES}
    if outcome.final or not outcome.charged:
        return "", {}
    pauses = {"shortest": SHORTEST, "longest": LONGEST}
    return _FAILED, {**of, **pauses, "breaks": FAILURES}


# Nothing is written about a destination that is well.
_SUCCEEDED = """
, destination AS (
    UPDATE outbox_destination h SET
        failures = 0,
        failing_since = NULL,
        not_before = CASE WHEN h.failures < %(breaks)s THEN h.not_before END
    FROM mine
    WHERE h.channel = %(channel)s AND h.destination = %(destination)s
      AND h.failures > 0
)"""
_FAILED = """
, destination AS (
    UPDATE outbox_destination h SET
        failures = h.failures + 1,
        failing_since = coalesce(h.failing_since, clock_timestamp()),
        failed_at = clock_timestamp(),
        not_before = CASE WHEN h.failures + 1 < %(breaks)s THEN h.not_before
            ELSE clock_timestamp() + greatest(%(shortest)s, least(%(longest)s,
                (clock_timestamp() - h.failing_since) / 4)) END
    FROM mine
    WHERE h.channel = %(channel)s AND h.destination = %(destination)s
)"""
