"""Dramatiq actors, one line each: a message only says "there is work"."""

from __future__ import annotations

import math
import time
from collections.abc import Collection
from typing import Any

import dramatiq
from dramatiq.middleware import CurrentMessage

from outbox import relay, sequencer, sweep
from outbox.channels.registry import channels

# The row is the promise and the database retries; a message may be lost.
ACTOR: dict[str, Any] = {"max_retries": 0, "time_limit": 60_000}


STALE_AFTER = 3_000  # milliseconds; a sweep comes by each second, by whatever clock
FEW = 10  # events that one thread delivers faster than others could be called


@dramatiq.actor(queue_name="sequence", **ACTOR)
def sequence() -> None:
    """
    Give positions to what was committed, then wake the channels.

    Each commit leaves a nudge behind while no relay runs. The next relay has them all
    before it: it would look a thousand times for what its own sweep has found.
    """
    if not _is_stale():
        sequencer.sequence_all(wake)


@dramatiq.actor(queue_name="deliver", **ACTOR)
def deliver(channel: str) -> None:
    """Deliver what is due on a channel; ask for another turn if time ran out."""
    if relay.drain(channels()[channel]):
        deliver.send(channel)


def wake(owed_on: Collection[str], events: int) -> None:
    """
    Wake who can deliver on these channels.

    This process's own sweep is the shortest way. Where it is busy, or where there is
    much to do, messages call for help.
    """
    waiting = sweep.wake_here(owed_on)
    for name in channels().keys() & set(owed_on):
        if events > FEW or name not in waiting:
            deliver.send(name)


def _is_stale() -> bool:
    message = CurrentMessage.get_current_message()
    sent_at = message.message_timestamp if message else math.inf
    return time.time() * 1000 - sent_at > STALE_AFTER
