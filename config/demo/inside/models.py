"""What the demo's receivers leave behind."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Effect(models.Model):
    """A call of a receiver. No unique constraint: a double has to show."""

    event_id = models.UUIDField()
    receiver = models.CharField(max_length=40)
    # What the event said that it was given.
    type = models.CharField(max_length=100)
    about = models.CharField(max_length=40)

    # Said aloud: type checks load settings in which this app is not installed.
    objects: ClassVar[models.Manager[Effect]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.receiver} {self.event_id}"
