"""
What a relay does now and then: it goes on with replays, and removes what is over.

Every relay has these duties, and a lock in the database lets one at a time do
each of them. A batch is short, and a stop is heard between two.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from outbox import replays, retention
from outbox.channels.webhooks import rotation

# In seconds.
BETWEEN_LOOKS = 5.0
FIRST_PRUNING = 60.0
BETWEEN_PRUNINGS = 3600.0
WHILE_MORE_IS_LEFT = 60.0
LONGEST_PRUNING = 20.0


class Duties:
    """The duties of one relay; call it as often as you like."""

    def __init__(self, stopped: Callable[[], bool]) -> None:
        self._stopped = stopped
        self._look_at = time.monotonic()
        self._prune_at = time.monotonic() + FIRST_PRUNING

    def __call__(self) -> None:
        """Do what is due."""
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + BETWEEN_LOOKS
            self._go_on_with_replays()
        if time.monotonic() >= self._prune_at:
            # Set first: a round that fails is not tried again within the second.
            self._prune_at = time.monotonic() + BETWEEN_PRUNINGS
            self._prune()

    def _go_on_with_replays(self) -> None:
        for replay_id in replays.unfinished():
            if not self._stopped():
                replays.carry_out(replay_id, wait=False, stopped=self._stopped)

    def _prune(self) -> None:
        rotation.forget_old()
        pruned = retention.prune(
            keep=retention.window(),
            seconds=LONGEST_PRUNING,
            wait=False,
            stopped=self._stopped,
        )
        if pruned.events and not pruned.finished:
            self._prune_at = time.monotonic() + WHILE_MORE_IS_LEFT
