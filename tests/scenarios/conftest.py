"""What several scenarios ask for: the post, and what was written down."""

from __future__ import annotations

import pytest

from outbox import log
from outbox.channels import letters
from outbox.channels.messages import Address, compose
from outbox.models import Event
from tests.api.conftest import a_librarian, a_reader, librarian, reader
from tests.outbox.letters.conftest import owed

__all__ = ["a_librarian", "a_reader", "librarian", "owed", "reader"]


@pytest.fixture
def events(db):
    """Return what was recorded of a type, in order."""

    def of(event_type):
        rows = Event.objects.filter(type=event_type).order_by("seq")
        return [log.decoded(row) for row in rows]

    return of


@pytest.fixture
def written(owed):
    """Write every letter of a kind that is owed and still true, in English."""

    def write(name):
        letter = letters.named(name)
        found = []
        for delivery in owed().filter(destination=name):
            (event,) = log.by_ids([delivery.event_id])
            if letter.holds is None or letter.holds(event):
                found.append(
                    compose(
                        letter,
                        letter.context(event),
                        Address(
                            recipient=delivery.recipient,
                            email="a@example.org",
                            name="Aziza",
                            language="en",
                        ),
                        message_id=delivery.message_id,
                    )
                )
        return found

    return write
