"""
Alarms: what has to happen at a moment, should something not be over by then.

Nearly every one is taken back long before its moment, thousands in the time of one. So
all of them share one thread, which sleeps until the earliest; setting one and taking it
back costs no thread and, as a rule, wakes nobody.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)


class Alarm:
    """One thing to be done at a moment, and again and again until it is taken back."""

    def __init__(
        self, alarms: Alarms, rings_at: float, ring: Callable[[], object]
    ) -> None:
        self.rings_at = rings_at
        self._alarms = alarms
        self._ring = ring
        self._is_over = False
        self._ringing = threading.Lock()

    def ring(self) -> None:
        """Do it, unless it was taken back."""
        with self._ringing:
            if not self._is_over:
                self._ring()

    def take_back(self) -> None:
        """See to it that it does not ring any more, not even this moment."""
        self._alarms.forget(self)
        with self._ringing:
            self._is_over = True


class Alarms:
    """The alarms of this process, and the thread that rings them."""

    def __init__(self, name: str, *, again_after: float) -> None:
        self._name, self._again_after = name, again_after
        self._start_anew()
        os.register_at_fork(after_in_child=self._start_anew)

    def _start_anew(self) -> None:
        # Threads do not survive a fork, and may have held this lock when it came.
        self._changed = threading.Condition(threading.Lock())
        self._set: set[Alarm] = set()
        self._wakes_at = -math.inf
        self._thread: threading.Thread | None = None

    def set(self, moment: float, ring: Callable[[], object]) -> Alarm:
        """
        Ring at a moment of `time.monotonic`, and again, until it is taken back.

        It must not take long: all others wait for it.
        """
        alarm = Alarm(self, moment, ring)
        with self._changed:
            self._set.add(alarm)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name=self._name, daemon=True
                )
                self._thread.start()
            elif moment < self._wakes_at:
                self._changed.notify()
        return alarm

    @contextmanager
    def at(self, moment: float, ring: Callable[[], object]) -> Iterator[None]:
        """Ring at a moment if the block is not left by then; never once it is."""
        alarm = self.set(moment, ring)
        try:
            yield
        finally:
            alarm.take_back()

    def forget(self, alarm: Alarm) -> None:
        """Wait for it no more."""
        with self._changed:
            self._set.discard(alarm)

    def waiting(self) -> int:
        """Return how many are set."""
        return len(self._set)

    def _run(self) -> None:
        while True:
            for alarm in self._due():
                try:
                    alarm.ring()
                except Exception:  # the others still have to be rung
                    logger.exception("an alarm of %s failed", self._name)
                alarm.rings_at = time.monotonic() + self._again_after

    def _due(self) -> list[Alarm]:
        """Sleep until the earliest; return those whose moment has come."""
        with self._changed:
            while True:
                now = time.monotonic()
                if due := [each for each in self._set if each.rings_at <= now]:
                    self._wakes_at = -math.inf
                    return due
                moments = (each.rings_at for each in self._set)
                self._wakes_at = min(moments, default=math.inf)
                pause = self._wakes_at - now
                self._changed.wait(min(pause, threading.TIMEOUT_MAX))


DEADLINES = Alarms("deadlines", again_after=0.05)
"""Those that end an attempt; again, as a socket may appear only then."""
