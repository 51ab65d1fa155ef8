"""A receiver that takes its process with it does so a few times, and no more."""

from __future__ import annotations

import os

import pytest

from library.catalog.books import add_book
from outbox import claims, relay
from outbox.channels import signals
from outbox.columns import Now
from outbox.models import Delivery, Route, Status

PATIENCE = 60


@pytest.mark.parametrize(
    ("receiver", "exit_status"),
    [("poison.never_ends", os.EX_SOFTWARE), ("poison.kills", 1)],
)
def test_poison_ends_its_relay_and_is_dead_after_its_last_attempt(
    a_relay, now, receiver, exit_status
):
    Route.objects.create(
        channel="signals", destination=receiver, event_type="book.created", ordered=True
    )
    process = a_relay(
        "--no-broker",
        EXTRA_APPS="tests.faults.poison",
        POISON=receiver,
        RELAY_LEASE="3",
    )

    add_book(title="T", authors=["A"], now=now)

    assert process.wait(PATIENCE) == exit_status
    owed = Delivery.objects.get(channel="signals")
    assert (owed.status, owed.attempts) == (Status.PENDING, 1)

    # The other attempts end the same way; this is what the one after the last meets.
    last = len(signals.RETRIES) + 1
    Delivery.objects.filter(id=owed.id).update(due_at=Now(), attempts=last)
    assert relay.claim(signals) == []
    owed.refresh_from_db()
    assert (owed.status, owed.error) == (Status.DEAD, claims.SPENT)
