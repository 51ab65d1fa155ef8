"""The table of destinations: what `health.py` minds, and owners may set."""

from __future__ import annotations

from django.db import models


class Destination(models.Model):
    """
    How much one destination takes at a time, and how it has been answering.

    Only destinations that can fail alone have a row (`Channel.GUARDED`). Nothing is
    claimed for one that is `paused`, nor before `not_before`, which its rate and its
    failures push on. `failures` are those in a row, since the last success.
    """

    channel = models.CharField(max_length=20)
    destination = models.CharField(max_length=200)
    paused = models.BooleanField(db_default=False)
    per_second = models.FloatField(null=True)
    at_once = models.PositiveSmallIntegerField(null=True)
    not_before = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(db_default=0)
    failing_since = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    warned_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # Two rows would each have half of the failures, and limits of their own.
            models.UniqueConstraint(
                fields=["channel", "destination"], name="outbox_destination_once"
            ),
            # A limit that lets nothing through for ever: that is what pausing is for.
            models.CheckConstraint(
                condition=models.Q(per_second__gt=0) & models.Q(at_once__gt=0),
                name="outbox_destination_moves",
            ),
            # A breaker that is open and does not know since when.
            models.CheckConstraint(
                condition=models.Q(failures=0, failing_since__isnull=True)
                | models.Q(failures__gt=0, failing_since__isnull=False),
                name="outbox_destination_failing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel}:{self.destination} {self.failures} failures"
