"""F9, F12 and F13: what is at the other end is dead, silent, or leaves too early."""

from __future__ import annotations

import math
import socket
import struct
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace

import pytest

from library.lending import letters as lending_letters
from outbox import relay, routes, sequencer
from outbox.channels import emails, letters
from outbox.channels.webhooks import channel
from outbox.columns import Now
from outbox.models import Attempt, Delivery, Event, Status
from tests.faults.forks import PATIENCE
from tests.threads import in_thread

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nthanks"
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing resets


class Door:
    """A receiver that treats its callers in turn, the last way for ever after."""

    def __init__(self, *ways):
        self._ways = list(ways)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/hook"
        self.called, self.leave = threading.Event(), threading.Event()
        self.posts = []
        threading.Thread(target=self._run, daemon=True).start()

    def close(self):
        self.leave.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _run(self):
        while True:
            try:
                caller, _ = self._listening.accept()
            except OSError:
                return
            way = self._ways[0] if len(self._ways) == 1 else self._ways.pop(0)
            with caller:
                self.posts.append(read_request(caller))
                self.called.set()
                way(self, caller)


def read_request(caller):
    """Return the webhook-id and the body of one request."""
    with caller.makefile("rb") as lines:
        lines.readline()
        named = dict(
            line.decode().rstrip().lower().split(": ", 1)
            for line in iter(lines.readline, b"\r\n")
        )
        return named["webhook-id"], lines.read(int(named["content-length"]))


def answers(door, caller):
    caller.sendall(OK)


def answers_then_resets(door, caller):
    caller.sendall(OK)
    resets(door, caller)


def resets(door, caller):
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def answers_too_late(door, caller):
    while time.monotonic() < door.answers_at:
        door.leave.wait(door.answers_at - time.monotonic())
    with suppress(OSError):  # the caller has hung up
        caller.sendall(OK)


def is_silent(door, caller):
    door.leave.wait(PATIENCE)


@pytest.fixture
def a_door():
    opened = []

    def make(*ways):
        opened.append(Door(*ways))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


@pytest.mark.parametrize(
    ("way", "first"),
    [
        (answers_then_resets, "ok"),
        (resets, "reset"),
        (answers_too_late, "deadline"),
    ],
)
def test_a_receiver_that_leaves_early_or_answers_late_gets_the_same_once_more_at_most(
    hurried, a_door, an_endpoint, a_book, way, first
):
    door = a_door(way, answers)
    door.answers_at = time.monotonic() + channel.DEADLINE + 1
    an_endpoint(door.url, ["book.created"])
    a_book()
    sequencer.sequence_all()
    waiting = Delivery.objects.filter(channel="webhooks", status=Status.PENDING)

    while waiting.exists():
        relay.deliver_batch(channel)
        waiting.update(due_at=Now())

    owed = Delivery.objects.get(channel="webhooks")
    tries = list(owed.tries.order_by("claim").values_list("outcome", "ambiguous"))
    doubtful = first != "ok"
    assert owed.status == Status.DELIVERED
    assert tries == [(first, doubtful), ("ok", False)][: 1 + doubtful]
    assert len(door.posts) == 1 + doubtful
    assert len(set(door.posts)) == 1


def a_closed_url():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/"


BOOKS = 12


def test_who_does_not_answer_keeps_nothing_from_those_who_do(
    hurried, a_door, an_endpoint, a_book
):
    good, silent = a_door(answers), a_door(is_silent)
    for url in (silent.url, a_closed_url(), good.url):
        an_endpoint(url, ["book.created"])
    for _ in range(BOOKS):
        a_book()
    sequencer.sequence_all()

    for thread in [in_thread(deliver_what_is_due) for _ in range(2)]:
        thread.join(PATIENCE)

    assert silent.called.is_set()
    assert len(good.posts) == len(set(good.posts)) == BOOKS
    tries = Counter(Attempt.objects.values_list("outcome", flat=True))
    batches = math.ceil(BOOKS / channel.BATCH)  # the rest of each waits untried
    assert tries["ok"] == BOOKS
    assert 1 <= tries["deadline"] <= batches
    assert 1 <= tries["connect_error"] <= batches
    owed = Counter(Delivery.objects.values_list("status", flat=True))
    assert owed == {Status.DELIVERED: BOOKS, Status.PENDING: 2 * BOOKS}


def deliver_what_is_due():
    while relay.deliver_batch(channel):
        pass


@pytest.fixture
def hanging_up(smtp_sink):
    """Have the post office take the first letter, and leave without a word."""
    take, left = smtp_sink.handle_DATA, []

    async def handle(server, session, envelope):
        answer = await take(server, session, envelope)
        if not left:
            left.append(session.peer)
            server.transport.abort()
        return answer

    smtp_sink.handle_DATA = handle
    return smtp_sink


@pytest.mark.parametrize(
    ("at_most_once", "status", "copies"),
    [(False, Status.DELIVERED, 2), (True, Status.UNKNOWN, 1)],
)
def test_a_letter_of_which_nobody_knows_goes_out_by_its_own_policy(
    committed_db, hanging_up, monkeypatch, a_loan, at_most_once, status, copies
):
    receipt = replace(lending_letters.loan_receipt, at_most_once=at_most_once)
    monkeypatch.setattr(letters, "letters", lambda: (receipt,))

    routes.sync()
    a_loan()
    sequencer.sequence_all()
    relay.deliver_batch(letters)

    for _ in range(3):
        relay.deliver_batch(emails)
        Delivery.objects.filter(status=Status.PENDING).update(due_at=Now())

    owed = Delivery.objects.get(channel="emails")
    sent = [message["Message-ID"] for message in hanging_up.messages]
    assert owed.status == status
    assert sent == [owed.message_id] * copies
    assert owed.tries.get(claim=1).ambiguous
    assert Event.objects.filter(type="book.borrowed").count() == 1
