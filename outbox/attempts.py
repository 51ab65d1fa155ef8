"""
What is said of each attempt: one line of log, and one count.

Every line of log during an attempt names its delivery. None says to whom: neither
recipient nor address, nor what was sent or answered.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from structlog.contextvars import bound_contextvars

from outbox import metrics
from outbox.channels.contract import Channel, Outcome
from outbox.models import Delivery

logger = logging.getLogger(__name__)


@contextmanager
def named(delivery: Delivery) -> Iterator[None]:
    """Have every line of log inside name the delivery, and what set it off."""
    names = {
        "delivery": delivery.pk,
        "event_id": str(delivery.event_id),
        "channel": delivery.channel,
        "destination": delivery.destination,
        "attempt": delivery.attempts,
    }
    # Read with the claim; one that was made elsewhere does not have it.
    if correlation_id := getattr(delivery, "correlation_id", None):
        names["correlation_id"] = correlation_id
    with bound_contextvars(**names):
        yield


def ended(channel: Channel, outcome: Outcome, seconds: float) -> None:
    """Say and count what became of an attempt, once that is written down."""
    metrics.ended(channel, outcome, seconds)
    level = logging.DEBUG if outcome.delivered else logging.WARNING
    said = "delivered" if outcome.delivered else "not delivered"
    _say(level, said, outcome.name, seconds)


def fenced(channel: Channel, seconds: float) -> None:
    """Say and count that an outcome came too late to be written down."""
    metrics.fenced(channel, seconds)
    _say(logging.WARNING, "outcome fenced off: claimed again", "fenced", seconds)


def _say(level: int, said: str, outcome: str, seconds: float) -> None:
    logger.log(level, said, extra={"outcome": outcome, "seconds": round(seconds, 3)})
