"""
When a failed delivery is tried again: the one place that says so.

Jitter only adds, so that a schedule is a promise of the earliest moment.
A claim that was never settled is due again when its lease is over.
"""

from __future__ import annotations

import math
import random
from datetime import timedelta

from django.conf import settings

Schedule = tuple[float, ...]

MINUTE, HOUR = 60.0, 3600.0

# Seconds before the second, third … attempt; after the last one it is dead.
SIGNALS: Schedule = (1, 10, MINUTE, 10 * MINUTE, HOUR)
WEBHOOKS: Schedule = (
    5,
    MINUTE,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
)
LETTERS = WEBHOOKS

# All in seconds. The two upper bounds are for drills, in which time is short.
LEASE: float = settings.OUTBOX.get("LEASE_SECONDS", 30.0)
LONGEST_DEADLINE: float = settings.OUTBOX.get("LONGEST_DEADLINE", math.inf)
LONGEST_DELAY: float = settings.OUTBOX.get("LONGEST_DELAY", math.inf)
WITHIN_LEASE = LEASE * 2 / 3  # what may be frozen has let go before it is succeeded

LONGEST_HINT = 24 * HOUR
JITTER = 0.1


def deadline(seconds: float) -> float:
    """Return a channel's deadline, made shorter where the lease is short."""
    return min(seconds, WITHIN_LEASE, LONGEST_DEADLINE)


def pause(seconds: float) -> timedelta:
    """Return a wait that is no retry: for what was not tried, or not charged."""
    return timedelta(seconds=min(seconds, LONGEST_DELAY))


def next_delay(
    schedule: Schedule, attempts: int, *, hint: float | None = None
) -> timedelta | None:
    """
    Return the wait after the given number of charged attempts; None: spent.

    `hint` is what the other side asked for (Retry-After, in seconds): it can
    make the wait longer, up to a day, never shorter.
    """
    if attempts > len(schedule):
        return None
    seconds = max(schedule[attempts - 1], min(hint or 0, LONGEST_HINT))
    seconds *= 1 + random.uniform(0, JITTER)  # noqa: S311
    return timedelta(seconds=min(seconds, LONGEST_DELAY))
