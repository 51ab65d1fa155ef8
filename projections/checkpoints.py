"""How far each read model has read, and what it has passed."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from django.db import models
from django.utils import timezone


class CheckpointQuerySet(models.QuerySet["Checkpoint"]):
    """Taking hold of a checkpoint."""

    def lock(self, name: str) -> Checkpoint:
        """Return a projection's checkpoint, locked until the transaction ends."""
        mine = self.select_for_update(no_key=True).filter(name=name)
        found = mine.first()
        if found is None:
            self.get_or_create(name=name)
            found = mine.get()
        return found


class Checkpoint(models.Model):
    """
    The position up to which a read model has read; whoever moves it holds it.

    One that met an event it cannot take has stopped: `event_id` and `error` say
    on what, and it goes on when it is rebuilt. With QUARANTINE, one event does not stop
    it: see `Quarantined`.
    """

    name = models.CharField(max_length=100, primary_key=True)
    position = models.BigIntegerField(default=0)
    stopped_at = models.DateTimeField(null=True)
    event_id = models.UUIDField(null=True)
    error = models.TextField(default="")

    objects: ClassVar[CheckpointQuerySet] = CheckpointQuerySet.as_manager()  # type: ignore[assignment]

    def __str__(self) -> str:
        return f"{self.name}@{self.position}"

    def move_to(self, position: int) -> None:
        """Note that all events up to a position are folded."""
        self.position = position
        self.save(update_fields=["position"])

    def stop(self, event_id: UUID, error: str) -> None:
        """Note the event that cannot be taken, and read no further."""
        self.stopped_at = timezone.now()
        self.event_id, self.error = event_id, error
        self.save()

    def resume(self, position: int) -> None:
        """Start afresh from a position, with nothing set aside."""
        Quarantined.objects.filter(projection=self.name).delete()
        self.position = position
        self.stopped_at, self.event_id, self.error = None, None, ""
        self.save()


class Quarantined(models.Model):
    """
    An event that a read model has passed without folding it: see `quarantine.py`.

    `error` is empty for one that waits behind another of its stream.
    """

    projection = models.CharField(max_length=100)
    position = models.BigIntegerField()
    event_id = models.UUIDField()
    stream = models.CharField(max_length=100)
    error = models.TextField(default="")

    class Meta:
        verbose_name_plural = "quarantined"
        constraints = [
            # Passed twice: somebody moved the checkpoint back by hand.
            models.UniqueConstraint(
                fields=["projection", "position"], name="projections_quarantined_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.projection} without {self.event_id}"
