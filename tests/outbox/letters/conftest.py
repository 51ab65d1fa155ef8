"""A post office on loopback: a real SMTP server that answers as it is told to."""

from __future__ import annotations

import email
import email.policy
import socket

import pytest
from aiosmtpd.controller import Controller

from library.members.models import User
from outbox import relay, routes, sequencer
from outbox.channels import emails, letters, smtp
from outbox.columns import Now
from outbox.models import Delivery, Status

HANG_UP = "hang up after the final dot"


class PostOffice:
    """What came in, and what to answer: each of `at_data` once, the others always."""

    def __init__(self):
        self.received = []
        self.callers = []
        self.lines = []
        self.asked = 0
        self.at_mail = self.at_rcpt = "250 OK"
        self.pipelining = False
        self.at_data = []

    def messages(self):
        """Return what was accepted or hung up on, parsed."""
        return [
            email.message_from_bytes(each, policy=email.policy.default)
            for each in self.received
        ]

    async def handle_EHLO(self, server, session, envelope, hostname, responses):  # noqa: N802
        self.callers.append(session.peer)
        self.lines.append(server)
        session.host_name = hostname
        return responses[:-1] + ["250-PIPELINING"] * self.pipelining + responses[-1:]

    async def handle_RSET(self, server, session, envelope):  # noqa: N802
        self.asked += 1
        return "250 OK"

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802
        if self.at_mail.startswith("250"):
            envelope.mail_from = address
        return self.at_mail

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if self.at_rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.at_rcpt

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.received.append(envelope.original_content)
        answer = self.at_data.pop(0) if self.at_data else "250 OK"
        if answer == HANG_UP:
            server.transport.abort()
        return answer


class _Counter(Controller):
    """Listens on a socket that is bound already, so that no port is guessed."""

    def __init__(self, handler):
        self.listening = socket.create_server(("127.0.0.1", 0))
        super().__init__(
            handler, hostname="127.0.0.1", port=self.listening.getsockname()[1]
        )

    def _create_server(self):
        return self.loop.create_server(self._factory_invoker, sock=self.listening)


@pytest.fixture(params=[False, True], ids=["in turns", "pipelining"])
def post_office(request, settings):
    """Run a post office, of either kind, and have letters sent to it."""
    office = PostOffice()
    office.pipelining = request.param
    counter = _Counter(office)
    counter.start()
    office.loop = counter.loop
    send_to(settings, counter.port)
    yield office
    smtp.hang_up()
    counter.stop()


def send_to(settings, port):
    """Point Django's e-mail at a port of this machine, from now on."""
    smtp.hang_up()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.EMAIL_USE_SSL = settings.EMAIL_USE_TLS = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.DEFAULT_FROM_EMAIL = "Kutubxona <desk@library.example>"


@pytest.fixture
def owed(db):
    """Sequence and expand what happened; return the e-mails that are owed."""

    def expand():
        routes.sync()
        sequencer.sequence_all()
        while relay.deliver_batch(letters):
            pass
        return Delivery.objects.filter(channel="emails").order_by("id")

    return expand


@pytest.fixture
def deliver():
    """Let the relay try each e-mail once, retries that are not due yet included."""

    def deliver_all():
        waiting = Delivery.objects.filter(channel="emails", status=Status.PENDING)
        waiting.update(due_at=Now())
        while relay.deliver_batch(emails):
            pass

    return deliver_all


@pytest.fixture
def receipt(a_loan, a_member, owed):
    """Lend a book to a member with these particulars; return the receipt owed."""

    def make(**person):
        language = person.pop("language", "en")
        member_id = a_member(username="aziza", language=language)
        User.objects.filter(id=member_id).update(**person)
        a_loan(member_id=member_id)
        owed().filter(destination="welcome").delete()
        return owed().get(destination="loan_receipt")

    return make
