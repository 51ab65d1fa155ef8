"""What django-domain-events is told, and who hears of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django_domain_events import event, receiver

from benchmarks.heard.models import Heard


@event(name="bench.book_created")
@dataclass(frozen=True)
class PeerBookCreated:
    """The same as our book.created, for those subscribed to it."""

    book_id: UUID
    title: str
    authors: list[str]
    created_at: datetime


@event(name="bench.book_heard_of")
@dataclass(frozen=True)
class PeerBookHeardOf:
    """The same once more, with one durable receiver."""

    book_id: UUID
    title: str
    authors: list[str]
    created_at: datetime


@receiver(PeerBookHeardOf, key="bench.hear")
def hear(told: PeerBookHeardOf) -> None:
    """Do what our receiver does."""
    Heard.objects.create(book_id=told.book_id)
