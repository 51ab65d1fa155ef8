"""Backlogs for a relay: facts that are recorded, for it to place and to deliver."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from library.catalog.events import BookCreated
from library.members.events import UserRegistered
from outbox import log
from outbox.codec import DomainEvent
from outbox.ids import new_id
from outbox.models import Route

TITLE = "The Travels of Ibn Battuta in Asia and Africa, 1325-1354"
AUTHORS = ("Ibn Battuta", "H. A. R. Gibb")


def books(count: int) -> list[UUID]:
    """Record that so many books were made; return the ids of the facts."""
    now = timezone.now()
    return _record(
        [
            BookCreated(book_id=new_id(), title=TITLE, authors=AUTHORS, created_at=now)
            for _ in range(count)
        ]
    )


def registrations(members: Sequence[UUID]) -> list[UUID]:
    """Record once more that these are members; return the ids of the facts."""
    now = timezone.now()
    return _record(
        [UserRegistered(member_id=each, registered_at=now) for each in members]
    )


@contextlib.contextmanager
def route(
    channel: str, destination: str, event_type: str, *, ordered: bool = False
) -> Iterator[None]:
    """Owe each fact of a type to a destination, for a while."""
    made = Route.objects.create(
        channel=channel, destination=destination, event_type=event_type, ordered=ordered
    )
    yield
    made.delete()


def _record(events: Sequence[DomainEvent]) -> list[UUID]:
    with transaction.atomic():
        return [each.id for each in log.record(events)]
