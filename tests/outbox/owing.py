"""Deliveries of a test: events of the library, owed to destinations it names."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

from library.catalog.books import add_book
from outbox import sequencer
from outbox.columns import Now
from outbox.models import Delivery, Route, Status

_isbns = count(1)


def route(destination="shop", channel="webhooks", event_type="book.created", **more):
    """Have an event type owed to a destination from now on."""
    Route.objects.get_or_create(
        channel=channel, destination=destination, event_type=event_type, **more
    )


def owe(now, *, channel="webhooks", destination="shop", **values):
    """Record an event and owe it to this destination; return the delivery."""
    Route.objects.update(active=False)
    route(destination, channel)
    Route.objects.filter(channel=channel, destination=destination).update(active=True)
    add_book(title=f"Book {next(_isbns)}", authors=["A"], now=now)
    sequencer.sequence_all()
    owed = Delivery.objects.order_by("-id").first()
    if values:
        change(owed, **values)
    return owed


def ended(now, status=Status.DEAD, *, days_ago=0.0, **more):
    """Owe a delivery that has ended so many days ago; return it."""
    values = {
        "status": status,
        "finished_at": Now() - timedelta(days=days_ago),
        "attempts": 3,
        "claim": 7,
        "error": "http_5xx: try later",
        **more,
    }
    channel = values.pop("channel", "webhooks")
    destination = values.pop("destination", "shop")
    return owe(now, channel=channel, destination=destination, **values)


def change(delivery, **values):
    """Change a delivery by hand, past everything that guards it."""
    Delivery.objects.filter(id=delivery.id).update(**values)
    delivery.refresh_from_db()
