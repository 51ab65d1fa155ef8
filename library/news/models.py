"""What was announced when. Written by `state.py` alone."""

from __future__ import annotations

from django.db import models

from outbox.folds import FoldedModel


class Announcement(FoldedModel):
    """
    The titles announced on a day, up to a position of the log.

    The day is the key: a second announcement would write to every member again.
    """

    day = models.DateField(primary_key=True)
    up_to = models.BigIntegerField()
    titles = models.PositiveIntegerField()
    announced_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.titles} titles on {self.day}"
