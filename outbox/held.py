"""
Successes held back for a moment, so that those of a batch are written down together.

One statement and one wait for the disk then do for all of them. What is held back is
done, and not known to be done: who dies now sends it again. So it is for a moment only,
and only while one attempt follows another quickly. Whatever did not succeed is written
down at once, after what is held. Should an attempt stall after all, another thread
writes down what is held before it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

from django.db import connection, connections

from outbox import alarms, attempts, outcomes
from outbox.channels.contract import Channel
from outbox.errors import Fenced
from outbox.outcomes import Success
from outbox.points import point

logger = logging.getLogger(__name__)

QUICK = 0.1
"""Seconds of an attempt that is not quick; after one nothing is held back."""
LONGEST = 0.3
"""Seconds for which anything is."""

_KEEPER = alarms.Alarms("keeper", again_after=1.0)


class Held:
    """The successes of one batch that are not written down yet."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._successes: list[Success] = []
        self._since = 0.0
        self._alarm: alarms.Alarm | None = None
        self._writing = threading.Lock()

    def add(self, success: Success) -> None:
        """Write it down, now or in a moment, with those that are held."""
        now = time.monotonic()
        with self._writing:
            if not self._successes:
                self._since = now
            self._successes.append(success)
        if now - success.started > QUICK or now - self._since > LONGEST:
            self.write()
        # In a transaction of a caller's nobody else could see what it is about.
        elif self._alarm is None and not connection.in_atomic_block:
            self._alarm = _KEEPER.set(now + LONGEST, self._write_meanwhile)

    def write(self) -> None:
        """Write down all that is held; what cannot be together, one by one."""
        if self._alarm:
            self._alarm.take_back()  # if it is at it, that is waited for
            self._alarm = None
        with self._writing:
            held, self._successes = self._successes, []
            if held and not self._written_together(held):
                for each in held:
                    self._write_one(each)

    def _write_meanwhile(self) -> None:
        """Do it while the thread that they belong to is at an attempt."""
        try:
            with self._writing:
                held = self._successes
                if held and self._written_together(held):
                    self._successes = []
        finally:
            connections.close_all()  # it is seldom that this thread has to do anything

    def _written_together(self, held: Sequence[Success]) -> bool:
        try:
            mine = outcomes.succeeded(self._channel, held)
        except Exception:  # one of them may be at fault, or the connection was cut off
            logger.warning("outcomes could not be written together", exc_info=True)
            if not connection.in_atomic_block:
                connection.close_if_unusable_or_obsolete()
            return False
        for each in held:
            self._tell(each, in_time=each.delivery.id in mine)
        return True

    def _write_one(self, each: Success) -> None:
        try:
            try:
                outcomes.conclude(
                    self._channel, each.delivery, each.outcome, each.started
                )
            except Fenced:
                self._tell(each, in_time=False)
            else:
                self._tell(each, in_time=True)
        except Exception:  # whatever it is, the others go on
            logger.exception("no outcome could be written for %s", each.delivery)
            if not connection.in_atomic_block:
                connection.close_if_unusable_or_obsolete()

    def _tell(self, each: Success, *, in_time: bool) -> None:
        with attempts.named(each.delivery):
            if in_time:
                seconds = time.monotonic() - each.started
                attempts.ended(self._channel, each.outcome, seconds)
                point("after_settle")
                return
            outcomes.note_fenced(
                self._channel, each.delivery, each.outcome.name, each.started
            )
            attempts.fenced(self._channel, time.monotonic() - each.started)
