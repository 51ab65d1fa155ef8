"""The relay as its own process: started, woken, stopped, killed."""

from __future__ import annotations

import os
import signal
import socket
import time

import pytest
from standardwebhooks import Webhook
from werkzeug import Response

from library.catalog.books import add_book
from library.members.models import User
from outbox import relay
from outbox.channels.webhooks import channel, endpoints
from outbox.columns import Now
from outbox.models import Delivery, Status

PATIENCE = 40


@pytest.fixture
def an_endpoint(committed_db, httpserver, settings):
    settings.OUTBOX = {**settings.OUTBOX, "PLAIN_HTTP": True}
    owner = User.objects.create_user("owner", is_staff=True)

    def make(path="/hook"):
        return endpoints.create(
            owner=owner, url=httpserver.url_for(path), event_types=["book.*"]
        )

    return make


def delivered():
    rows = Delivery.objects.filter(channel="webhooks", status=Status.DELIVERED)
    return rows.exists()


def wait_until(true):
    ends = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < ends, "it never came true"
        time.sleep(0.02)


def test_a_book_ends_as_a_signed_post(a_relay, an_endpoint, httpserver, now):
    httpserver.expect_request("/hook").respond_with_data("thanks")
    _, secret = an_endpoint()
    process = a_relay("--no-broker")

    add_book(title="Dune", authors=["Frank Herbert"], now=now)
    wait_until(delivered)
    process.send_signal(signal.SIGTERM)

    assert process.wait(PATIENCE) == 0
    ((request, _),) = httpserver.log
    message = Webhook(secret).verify(request.data, dict(request.headers))
    assert message["type"] == "book.created"
    assert message["data"]["title"] == "Dune"
    assert request.headers["X-Position"] == "2"


def a_closed_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def test_it_delivers_without_any_broker(a_relay, an_endpoint, httpserver, now):
    httpserver.expect_request("/hook").respond_with_data("thanks")
    an_endpoint()
    a_relay(BROKER_URL=f"amqp://127.0.0.1:{a_closed_port()}")

    add_book(title="Dune", authors=["Frank Herbert"], now=now)

    wait_until(delivered)


def test_what_a_killed_relay_held_goes_out_again(a_relay, an_endpoint, httpserver, now):
    answered = []

    def answer(request):
        if not answered:  # the first request is never answered: its sender dies
            answered.append(os.kill(first.pid, signal.SIGKILL))
        return Response("thanks")

    httpserver.expect_request("/hook").respond_with_handler(answer)
    an_endpoint()
    first = a_relay("--no-broker")
    add_book(title="Dune", authors=["Frank Herbert"], now=now)
    first.wait(PATIENCE)

    held = Delivery.objects.get(channel="webhooks")
    assert held.worker.split(":")[1] == str(first.pid)
    assert (held.status, held.claim) == (Status.PENDING, 1)

    Delivery.objects.filter(id=held.id).update(due_at=Now())  # the lease is over
    assert relay.deliver_batch(channel) == 1

    held.refresh_from_db()
    assert held.status == Status.DELIVERED
    ids = {request.headers["webhook-id"] for request, _ in httpserver.log}
    bodies = {request.data for request, _ in httpserver.log}
    assert (len(httpserver.log), len(ids), len(bodies)) == (2, 1, 1)
    assert list(held.tries.order_by("claim").values_list("outcome", flat=True)) == [
        "lost",
        "ok",
    ]
