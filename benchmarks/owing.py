"""Backlogs for a relay: facts that are recorded, and owed to somebody."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from library.catalog.events import BookCreated
from outbox import log, sequencer
from outbox.ids import new_id

TITLE = "The Travels of Ibn Battuta in Asia and Africa, 1325-1354"
AUTHORS = ("Ibn Battuta", "H. A. R. Gibb")


def books(count: int) -> list[UUID]:
    """Record that so many books were made, place the facts; return their ids."""
    now = timezone.now()
    made = [
        BookCreated(book_id=new_id(), title=TITLE, authors=AUTHORS, created_at=now)
        for _ in range(count)
    ]
    with transaction.atomic():
        recorded = log.record(made)
    sequencer.sequence_all()
    return [each.id for each in recorded]
