"""Receivers whose only effect is a row that says: I was called."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from config.demo.inside.acting import subject_of
from config.demo.inside.models import Effect
from library.members.preferences import change_preferences
from library.signals import (
    book_borrowed,
    book_created,
    book_returned,
    user_registered,
    user_updated,
)
from outbox.codec import DomainEvent
from outbox.context import current


@receiver(book_created)
def count_created(event: DomainEvent, **kwargs: Any) -> None:
    _leave("count_created", event)


@receiver(user_registered)
def count_registered(event: DomainEvent, **kwargs: Any) -> None:
    _leave("count_registered", event)


@receiver(book_borrowed)
def count_borrowed(event: DomainEvent, **kwargs: Any) -> None:
    _leave("count_borrowed", event)


@receiver(book_borrowed)
def thank(event: DomainEvent, **kwargs: Any) -> None:
    _leave("thank", event)


@receiver(book_returned)
def count_returned(event: DomainEvent, **kwargs: Any) -> None:
    _leave("count_returned", event)


@receiver(user_updated)
def answer_back(event: Any, **kwargs: Any) -> None:
    """Cause the very event this receiver hears of; a scene of `manage.py proof`."""
    _leave("answer_back", event)
    change_preferences(member_id=event.member_id, now=timezone.now(), language="uz")


def _leave(name: str, event: DomainEvent) -> None:
    Effect.objects.create(
        event_id=current().causation_id,
        receiver=name,
        type=event.type,
        about=subject_of(event),
    )
