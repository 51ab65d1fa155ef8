"""
Signals: how fast one worker process calls one receiver, once for each fact.

The receiver writes one row, in the transaction that says that it was called; so does
the peer's. All is committed at once, while the worker runs, and the rows' times are
what counts.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from uuid import uuid4

from django.db import transaction
from django.utils import timezone
from django_domain_events import fire

from benchmarks import owing, stage
from benchmarks.figures import Row, round_by_round, row
from benchmarks.heard.apps import NAME
from benchmarks.heard.models import Heard
from benchmarks.peers.receivers import PeerBookHeardOf
from benchmarks.sinks import Sink, sink

PUBLISHING = "benchmarks.peers.publishing"
MESSAGES = 5_000
ROUNDS = 3
PATIENCE = 300.0  # seconds
LOOK = 0.2  # seconds between looks at how many were heard


def rows(*, quick: bool) -> Iterator[Row]:
    """Measure our relay and the peer's."""
    count = MESSAGES // (10 if quick else 1)
    with (
        owing.route("signals", NAME, "book.created", ordered=True),
        sink("stomp") as broker,
    ):
        rates = round_by_round(
            1 if quick else ROUNDS,
            {
                "ours": partial(ours, count),
                "peer": partial(_peer, count),
                "publisher": partial(_publisher, broker, count),
            },
        )
    yield row(
        "signals, one worker process",
        rates["ours"],
        rates["peer"],
        beside="django-domain-events",
        must=2.5,
        reach=5,
    )
    yield row(
        "signals, one worker process",
        rates["ours"],
        rates["publisher"],
        beside="django-outbox-pattern's own publisher, fire and forget",
        reach=1,
    )


def ours(count: int) -> float:
    """Return how many a second one relay delivers."""
    with (
        tempfile.TemporaryDirectory() as folder,
        stage.relays(1, Path(folder), EXTRA_APPS="benchmarks.heard"),
    ):
        owing.books(count)
        return _heard(count)


def _peer(count: int) -> float:
    now = timezone.now()
    with stage.peer("deliver_events"):
        with transaction.atomic():
            for _ in range(count):
                fire(PeerBookHeardOf(uuid4(), owing.TITLE, [*owing.AUTHORS], now))
        return _heard(count)


def _publisher(broker: Sink, count: int) -> float:
    """Return how many a second it sends to a broker; nobody has heard of them yet."""
    broker.forget()
    where = {"STOMP_PORT": str(broker.port), "DJANGO_SETTINGS_MODULE": PUBLISHING}
    with stage.peer("publish", **where):
        owing.books(count)
        return broker.rate(count)


def _heard(count: int) -> float:
    """Wait for so many; return how many a second, the first tenth not counted."""
    give_up_at = time.monotonic() + PATIENCE
    while Heard.objects.count() < count:
        if time.monotonic() > give_up_at:
            raise RuntimeError(f"only {Heard.objects.count()} of {count} were heard")
        time.sleep(LOOK)
    times = list(Heard.objects.order_by("at").values_list("at", flat=True))
    Heard.objects.all().delete()
    warm = count // 10
    return (count - warm) / (times[-1] - times[warm - 1]).total_seconds()
