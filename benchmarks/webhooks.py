"""
Webhooks: how fast one worker process sends a backlog to one endpoint.

All of it is committed at once, while the worker runs, and the receiver's clock is what
counts: so our figure is with positions and fan-out, which the peer has done before.
The limit is a loop in one thread that signs and sends the same bytes, and remembers
nothing.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from uuid import uuid4

import requests
from django.db import transaction
from django.utils import timezone
from django_domain_events import fire
from django_outbound_webhooks import register_endpoint

from benchmarks import owing, stage
from benchmarks.figures import Row, round_by_round, row
from benchmarks.peers.receivers import PeerBookCreated
from benchmarks.sinks import Sink, sink
from library.members.models import User
from outbox.appending import public_message
from outbox.channels.webhooks import endpoints, keys, signing
from outbox.ids import new_id
from outbox.models import Event

MESSAGES, QUICK = 2_000, 100
ROUNDS = 3


def rows(*, quick: bool) -> Iterator[Row]:
    """Measure us, the peer and the bare loop."""
    count, rounds = (QUICK, 1) if quick else (MESSAGES, ROUNDS)
    with sink("http") as receiver:
        url = f"http://127.0.0.1:{receiver.port}/"
        owner = User.objects.create_user("webhooks", is_staff=True)
        [book] = owing.books(1)  # owed to nobody yet
        body = public_message(Event.objects.get(id=book)).encode()
        endpoint, _ = endpoints.create(
            owner=owner, url=url, event_types=["book.created"]
        )
        peer = register_endpoint(
            name="bench",
            url=url,
            secret=keys.new("v1"),
            event_names=["bench.book_created"],
        )
        rates = round_by_round(
            rounds,
            {
                "ours": partial(ours, receiver, count),
                "peer": partial(_peer, receiver, count),
                "bare": partial(_bare, receiver, count, url, body),
            },
        )
        endpoints.remove(endpoint)
        peer.delete()
    yield row(
        "webhooks, one worker process",
        rates["ours"],
        rates["peer"],
        beside="django-outbound-webhooks",
        must=10,
        reach=30,
    )
    yield row(
        "webhooks, to the limit",
        rates["ours"],
        rates["bare"],
        beside="a bare loop of signing and posting",
        must=0.35,
        reach=0.6,
    )


def ours(receiver: Sink, count: int) -> float:
    """Return how many a second one relay delivers."""
    receiver.forget()
    with (
        tempfile.TemporaryDirectory() as folder,
        stage.relays(1, Path(folder)),
    ):
        owing.books(count)
        return receiver.rate(count)


def _peer(receiver: Sink, count: int) -> float:
    receiver.forget()
    now = timezone.now()
    with stage.peer("deliver_events"):
        with transaction.atomic():
            for _ in range(count):
                fire(PeerBookCreated(uuid4(), owing.TITLE, [*owing.AUTHORS], now))
        return receiver.rate(count)


def _bare(receiver: Sink, count: int, url: str, body: bytes) -> float:
    secret = keys.new("v1")
    receiver.forget()
    with requests.Session() as session:
        for _ in range(count):
            headers = signing.headers(
                [secret],
                message_id=signing.message_id(new_id()),
                timestamp=int(time.time()),
                body=body,
            )
            session.post(url, data=body, headers=headers, timeout=10)
    return receiver.rate(count)
