"""Dramatiq actors, one line each: a message only says "there is work"."""

from __future__ import annotations

from typing import Any

import dramatiq

from outbox import relay, sequencer, sweep
from outbox.channels.registry import channels

# The row is the promise and the database retries; a message may be lost.
ACTOR: dict[str, Any] = {"max_retries": 0, "time_limit": 60_000}


@dramatiq.actor(queue_name="sequence", **ACTOR)
def sequence() -> None:
    """Give positions to what was committed, then wake the channels."""
    if sequencer.sequence_all():
        sweep.wake_here()  # the shortest way; messages call for help
        wake_channels()


@dramatiq.actor(queue_name="deliver", **ACTOR)
def deliver(channel: str) -> None:
    """Deliver what is due on a channel; ask for another turn if time ran out."""
    if relay.drain(channels()[channel]):
        deliver.send(channel)


def wake_channels() -> None:
    """Nudge every channel."""
    for name in channels():
        deliver.send(name)
