"""
The deadline of one attempt, over everything that is done in it.

The `timeout` of `requests` is for each read, so a drip outruns it; here a
watchdog ends the connection itself.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from contextvars import ContextVar
from typing import Self

from outbox import alarms
from outbox.points import point


class Attempt:
    """
    The time an attempt has, the address it goes to, and the end of its sockets.

    When the time is up the watchdog shuts the connection down, which wakes the
    reader; closing would not. It holds a duplicate of the descriptor, for two
    reasons: no number that meanwhile belongs to somebody else is shut down,
    and TLS state is left to the thread that is using it.
    """

    current: ContextVar[Attempt] = ContextVar("attempt")

    def __init__(self, ends: float) -> None:
        self.address = ""
        self.over = False
        self.sent = False
        self._ends_at = ends
        self._held: list[socket.socket] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._token = self.current.set(self)
        self._watchdog = alarms.DEADLINES.set(self._ends_at, self._end)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._watchdog.take_back()
        with self._lock:
            for held in self._held:
                held.close()
            self._held.clear()
        self.current.reset(self._token)

    def left(self) -> float:
        """Return the seconds that are left; never 0, which sockets misunderstand."""
        return max(self._ends_at - time.monotonic(), 0.001)

    def about_to_send(self) -> None:
        """
        Note that bytes leave now. Raises TimeoutError if it is too late for that.

        The watchdog may come late, to a process that was frozen: the clock does not.
        """
        if not self.sent:
            point("before_send")
        if self.over or time.monotonic() >= self._ends_at:
            raise TimeoutError("The deadline has passed.")
        self.sent = True

    def watch(self, connected: socket.socket) -> None:
        """End this connection when the time is up. Raises TimeoutError if it is."""
        with self._lock:
            if self.over:
                raise TimeoutError("The deadline has passed.")
            self._held.append(socket.fromfd(connected.fileno(), -1, -1))

    def _end(self) -> None:
        with self._lock:
            self.over = True
            for held in self._held:
                with suppress(OSError):  # it has ended by itself
                    held.shutdown(socket.SHUT_RDWR)
