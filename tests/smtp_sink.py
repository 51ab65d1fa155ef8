"""
A mail server on loopback that takes every letter and keeps it.

    def test_something(db, smtp_sink): ...

While a test asks for `smtp_sink`, Django's e-mail goes there.
"""

from __future__ import annotations

import email
import email.policy
import socket

import pytest
from aiosmtpd.controller import Controller

from outbox.channels import smtp


class Sink:
    """What came in: one parsed message for each, and to whom it was addressed."""

    def __init__(self):
        self.messages = []
        self.recipients = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        content = envelope.original_content
        self.recipients.append(tuple(envelope.rcpt_tos))
        self.messages.append(
            email.message_from_bytes(content, policy=email.policy.default)
        )
        return "250 OK"


class Bound(Controller):
    """Listens on a socket that is bound already, so that no port is guessed."""

    def __init__(self, sink):
        self._bound = socket.create_server(("127.0.0.1", 0))
        super().__init__(sink, hostname="127.0.0.1", port=self._bound.getsockname()[1])

    def _create_server(self):
        return self.loop.create_server(self._factory_invoker, sock=self._bound)


@pytest.fixture
def smtp_sink(settings):
    """Run a mail server, and have letters sent to it."""
    sink = Sink()
    server = Bound(sink)
    server.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    settings.EMAIL_USE_SSL = settings.EMAIL_USE_TLS = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.DEFAULT_FROM_EMAIL = "Kutubxona <desk@library.example>"
    yield sink
    smtp.hang_up()
    server.stop()
