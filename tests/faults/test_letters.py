"""
F13 at length: a mail server that hangs up on every twentieth letter it has taken.

LETTERS=10000 makes it ten thousand letters.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter, defaultdict
from email.parser import BytesHeaderParser
from uuid import uuid4

import orjson

from library.members import users
from outbox import routes
from outbox.models import Attempt, Delivery, Status
from tests.smtp_sink import Bound

SIZE = int(os.environ.get("LETTERS", "60"))
PATIENCE = 60 + SIZE  # seconds; it is an event that is waited for
EVERY = 20


class FickleSink:
    """Notes every letter, then takes it, or hangs up on who waits for the answer."""

    def __init__(self, expected):
        self.copies = Counter()
        self.addressed = defaultdict(set)
        self.dropped = 0
        self.answered = set()
        self.all_answered = threading.Event()
        self._expected = expected

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        head = BytesHeaderParser().parsebytes(envelope.content)
        message_id = head["Message-ID"]
        self.copies[message_id] += 1
        for recipient in envelope.rcpt_tos:
            self.addressed[recipient].add(message_id)
        if self.copies.total() % EVERY == 0:
            self.dropped += 1
            server.transport.abort()
            return "250 nobody hears this"
        self.answered.add(message_id)
        if len(self.answered) == self._expected:
            self.all_answered.set()
        return "250 taken"


def test_every_letter_arrives_under_one_message_id_though_answers_get_lost(
    committed_db, a_relay, now
):
    routes.sync()
    names = [f"r{uuid4().hex[:20]}" for _ in range(SIZE)]
    for name in names:
        users.register_member(username=name, email=f"{name}@example.org", now=now)
    sink = FickleSink(expected=SIZE)
    server = Bound(sink)
    server.start()

    relay = a_relay(
        DJANGO_SETTINGS_MODULE="tests.faults.settings",
        EMAIL_URL=f"smtp://127.0.0.1:{server.port}",
    )
    arrived = sink.all_answered.wait(PATIENCE)
    relay.send_signal(signal.SIGTERM)
    relay.wait(PATIENCE)
    server.stop()

    assert arrived, f"{len(sink.answered)} of {SIZE} letters were answered"
    ambiguous = Attempt.objects.filter(ambiguous=True).count()
    found = {
        "expected": SIZE,
        "message_ids": len(sink.copies),
        "copies": sink.copies.total(),
        "dropped": sink.dropped,
        "ambiguous": ambiguous,
    }
    print("letters", orjson.dumps(found).decode())  # noqa: T201 - read by the proof
    assert set(sink.addressed) == {f"{name}@example.org" for name in names}
    assert {len(ids) for ids in sink.addressed.values()} == {1}
    assert len(sink.copies) == SIZE
    assert sink.dropped >= SIZE // EVERY
    assert sink.copies.total() - SIZE <= ambiguous
    owed = Delivery.objects.filter(channel="emails")
    assert set(owed.values_list("status", flat=True)) == {Status.DELIVERED}
