"""What a receiver writes down: one row for each book it heard of."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.functions import TransactionNow
from django.db import models

from library.catalog.events import BookCreated


class Heard(models.Model):
    book_id = models.UUIDField()
    at = models.DateTimeField(db_default=TransactionNow())

    class Meta:
        app_label = "heard"


def hear(*, event: BookCreated, **kwargs: Any) -> None:
    """Write it down."""
    Heard.objects.create(book_id=event.book_id)
