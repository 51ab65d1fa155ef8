"""
Deliveries on a channel of the test's own, and the clock that makes them due.

    channel = a_channel(lambda delivery: FAILED)
    owed = owe("somebody")
    relay.deliver_batch(channel)
"""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from types import SimpleNamespace

from outbox.channels.contract import DELIVERED, Outcome
from outbox.columns import Now
from outbox.ids import new_id
from outbox.models import Attempt, Delivery

FAILED = Outcome(delivered=False, name="http_5xx", answer="try later", http_status=503)
RESET = Outcome(delivered=False, name="reset", ambiguous=True)
REFUSED = Outcome(delivered=False, name="connect_error", silent=True)

_positions = count(1)


def a_channel(deliver=lambda delivery: DELIVERED, **more):
    """Return a channel that does what the test says, and notes what it was asked."""
    asked = []

    def noting(delivery, ends):
        asked.append(delivery)
        return deliver(delivery)

    return SimpleNamespace(
        **{
            "NAME": "test",
            "DEADLINE": 10.0,
            "RETRIES": (1, 10),
            "IN_TRANSACTION": False,
            "BATCH": 10,
            "PER_DESTINATION": 5,
            "WORKERS": 5,
            "GUARDED": False,
            "deliver": noting,
            "asked": asked,
            "routes": lambda: (),
            **more,
        }
    )


def owe(destination="one", **more):
    """Owe a made-up event to a destination."""
    return Delivery.objects.create(
        event_id=new_id(),
        position=next(_positions),
        channel="test",
        destination=destination,
        **more,
    )


def make_due():
    """Let every lease and every pause be over."""
    Delivery.objects.update(due_at=Now() - timedelta(seconds=1))


def tries(delivery):
    """Return of each claim its number, its outcome, and whether that is doubted."""
    rows = Attempt.objects.filter(delivery=delivery).order_by("claim")
    return list(rows.values_list("claim", "outcome", "ambiguous"))
