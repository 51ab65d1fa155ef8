"""
Waking the relay early, off the request's path.

A nudge says "there is work" and nothing else. It may be lost, doubled or late
without harm: the sweep finds by itself what is owed. One background thread
with one slot sends it, so that a request never waits for a broker, and many
commits in a short time become one message.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from outbox import metrics
from outbox.points import point

logger = logging.getLogger(__name__)

PAUSE = 1.0  # seconds after a failure; the sweep comes by as often
COALESCE = 0.01  # seconds after a nudge, in which many commits become one more

Send = Callable[[], object]


class Bell:
    """A slot for one nudge, and the thread that empties it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._rung = threading.Event()
        self._started = threading.Lock()
        self._thread: threading.Thread | None = None
        self.failures = 0

    def ring(self) -> None:
        """Ask for a nudge; return at once."""
        self._rung.set()
        if self._thread is None or not self._thread.is_alive():
            self._start()

    def _start(self) -> None:
        # Also the way back after a fork, which copies no threads.
        with self._started:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name="outbox-bell", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._rung.wait()
            self._rung.clear()
            try:
                point("before_nudge")
                self._send()
                time.sleep(COALESCE)
            except Exception:  # a dead broker: the sweep delivers
                self.failures += 1
                metrics.NUDGE_FAILURES.inc()
                logger.warning("nudge failed; the sweep will deliver", exc_info=True)
                # A port that refuses does so at once: trying at every commit
                # would cost requests their processor, and fill the log.
                time.sleep(PAUSE)


_listeners: list[Callable[[], None]] = []


def work_waiting() -> None:
    """Tell everyone who listens that something was committed."""
    for listener in _listeners:
        listener()


_deliverers: list[Callable[[str], None]] = []


def more_owed(channel: str) -> None:
    """Tell who delivers in this process that a delivery became several others."""
    for deliverer in _deliverers:
        deliverer(channel)


def listen_to_more(deliverer: Callable[[str], None]) -> None:
    """Add a listener to that: it must return at once and never raise."""
    if deliverer not in _deliverers:
        _deliverers.append(deliverer)


def listen(listener: Callable[[], None]) -> None:
    """Add a listener: it must return at once and never raise."""
    if listener not in _listeners:
        _listeners.append(listener)
