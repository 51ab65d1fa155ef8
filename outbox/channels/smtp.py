"""
The connection to the mail server: kept from letter to letter, one for each thread.

Whatever the server does, the conversation ends by a deadline.
"""

from __future__ import annotations

import select
import smtplib
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.smtp import EmailBackend

from outbox import alarms
from outbox.channels.pipelining import GO_AHEAD, Pipelining
from outbox.points import point

LONGEST_KEPT = 60.0
"""Seconds a connection is used for: shorter than servers wait for a word."""
BUSY = 1.0
"""Seconds after a letter for which its connection is taken to be there still."""


class Line(EmailBackend):
    """
    Django's SMTP with one connection kept, and a deadline over all it does.

    EMAIL_TIMEOUT bounds each single wait; a server that drips a byte a second
    outruns that. So at the deadline a watch shuts the socket down, wherever
    the conversation stands.
    """

    call: smtplib.SMTP | None = None
    opened_at = 0.0
    used_at = 0.0
    sent = False
    """Whether the text of the last message has begun to leave."""
    _text_expected = False

    def post(
        self,
        message: EmailMultiAlternatives,
        ends: float,
        about_to_send: Callable[[], object],
    ) -> None:
        """
        Send one message before `ends`, or raise what stood in the way.

        `about_to_send` is called when the server has agreed to take the text, just
        before it leaves; if it raises, it does not leave.
        """
        self.sent = self._text_expected = False
        self._go_ahead = partial(self._check_clock, ends, about_to_send)
        with alarms.DEADLINES.at(ends, self.cut):
            try:
                self._connect(ends)
                self.send_messages([message])
                self.used_at = time.monotonic()
            except Exception:
                if self._text_expected and not self.sent:
                    self.cut()  # a farewell would be the beginning of the text
                self.hang_up()  # the next letter starts on a fresh connection
                raise

    def hang_up(self) -> None:
        """Close, politely where the other side still listens."""
        with suppress(OSError):
            self.close()

    def cut(self) -> None:
        """End the conversation at once, from another thread."""
        sock = self.call.sock if self.call else None
        if sock is not None:
            with suppress(OSError):
                # Closing would not wake a blocked read; shutting down does. And
                # below TLS, whose own shutdown lets the other thread go on in
                # plain text for a moment.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    @property
    def connection_class(self) -> Callable[..., smtplib.SMTP]:  # type: ignore[override]
        """Django's choice; known here before it connects, as a greeting may stall."""
        line, theirs = self, super().connection_class

        class Call(Pipelining, theirs):  # type: ignore[valid-type, misc]
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                line.call = self
                super().__init__(*args, **kwargs)

            def getreply(self) -> tuple[int, bytes]:
                code, text = super().getreply()
                if code == GO_AHEAD:
                    line._text_expected = True
                    line._go_ahead()
                return code, text

        return Call

    def _check_clock(self, ends: float, about_to_send: Callable[[], object]) -> None:
        about_to_send()
        point("before_send")
        # The watch may come late, to a process that was frozen: the clock does not.
        if time.monotonic() >= ends:
            raise TimeoutError("the deadline has passed")
        self.sent = True

    def _connect(self, ends: float) -> None:
        """
        Have a connection that answers.

        A kept one is asked first, unless it has just been used, so that one that
        broke meanwhile is replaced before the letter is begun. After that nothing
        is sent twice in one attempt: a break may have come after the final dot.
        """
        if self.connection and not (
            self._young() and (self._busy() or self._answers())
        ):
            self.hang_up()
        if self.open():
            self.opened_at = time.monotonic()
        # There was nothing to shut down while a name was looked up.
        if time.monotonic() >= ends:
            raise TimeoutError("no connection before the deadline")

    def _young(self) -> bool:
        return time.monotonic() - self.opened_at < LONGEST_KEPT

    def _busy(self) -> bool:
        """Tell whether it was used a moment ago, and the server has said no more."""
        sock = self.connection.sock if self.connection else None
        if sock is None or time.monotonic() - self.used_at > BUSY:
            return False
        said = select.poll()
        said.register(sock, select.POLLIN)
        return not said.poll(0)  # what is there unasked is a farewell, or the end

    def _answers(self) -> bool:
        try:
            return self.connection is not None and self.connection.rset()[0] == 250
        except OSError:
            return False


_kept = threading.local()


def line() -> Line:
    """Return this thread's own connection."""
    if not hasattr(_kept, "line"):
        _kept.line = Line()
    own: Line = _kept.line
    return own


def hang_up() -> None:
    """Close this thread's connection; the next letter reads the settings again."""
    if hasattr(_kept, "line"):
        _kept.line.hang_up()
        del _kept.line
