"""Receivers whose only effect is a row that says: I was called."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from config.demo.inside.models import Effect
from library.members.preferences import change_preferences
from library.signals import (
    book_borrowed,
    book_created,
    book_returned,
    user_registered,
    user_updated,
)
from outbox.context import current


@receiver(book_created)
def count_created(**kwargs: Any) -> None:
    _leave("count_created")


@receiver(user_registered)
def count_registered(**kwargs: Any) -> None:
    _leave("count_registered")


@receiver(book_borrowed)
def count_borrowed(**kwargs: Any) -> None:
    _leave("count_borrowed")


@receiver(book_borrowed)
def thank(**kwargs: Any) -> None:
    _leave("thank")


@receiver(book_returned)
def count_returned(**kwargs: Any) -> None:
    _leave("count_returned")


@receiver(user_updated)
def answer_back(event: Any, **kwargs: Any) -> None:
    """Cause the very event this receiver hears of; a scene of `manage.py proof`."""
    _leave("answer_back")
    change_preferences(member_id=event.member_id, now=timezone.now(), language="uz")


def _leave(name: str) -> None:
    Effect.objects.create(event_id=current().causation_id, receiver=name)
