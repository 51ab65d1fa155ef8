"""
What a relay does now and then: it goes on with replays, removes what is over, and does
what others have named in OUTBOX['DUTIES'].

Every relay has these duties, and a lock in the database lets one at a time do
each of them. A batch is short, and a stop is heard between two.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.utils.module_loading import import_string

from outbox import replays, retention
from outbox.channels.webhooks import rotation

logger = logging.getLogger(__name__)

# In seconds.
BETWEEN_LOOKS = 5.0
FIRST_PRUNING = 60.0
BETWEEN_PRUNINGS = 3600.0
BETWEEN_OTHERS = 60.0
WHILE_MORE_IS_LEFT = 60.0
LONGEST_PRUNING = 20.0


class Duties:
    """The duties of one relay; call it as often as you like."""

    def __init__(self, stopped: Callable[[], bool]) -> None:
        self._stopped = stopped
        self._look_at = time.monotonic()
        self._prune_at = time.monotonic() + FIRST_PRUNING
        self._others_at = time.monotonic() + BETWEEN_OTHERS

    def __call__(self) -> None:
        """Do what is due."""
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + BETWEEN_LOOKS
            self._go_on_with_replays()
        if time.monotonic() >= self._prune_at:
            # Set first: a round that fails is not tried again within the second.
            self._prune_at = time.monotonic() + BETWEEN_PRUNINGS
            self._prune()
        if time.monotonic() >= self._others_at:
            self._others_at = time.monotonic() + BETWEEN_OTHERS
            self._do_others()

    def _go_on_with_replays(self) -> None:
        for replay_id in replays.unfinished():
            if not self._stopped():
                replays.carry_out(replay_id, wait=False, stopped=self._stopped)

    def _do_others(self) -> None:
        """Do each, whatever becomes of the others; each knows whether it is due."""
        for path in settings.OUTBOX.get("DUTIES", ()):
            try:
                import_string(path)()
            except Exception:
                logger.exception("duty %s failed and will be tried again", path)

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
