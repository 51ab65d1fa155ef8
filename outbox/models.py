"""
The tables of the log and the relay.

Those of the endpoints stand in `webhook_models.py`, that of what guards them in
`destinations.py`.

The outbox row itself is `django_outbox_pattern.models.Published`, one per
event, with the event's id as its own.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Least

from outbox.columns import CurrentTransaction, Now, TransactionIdField
from outbox.destinations import Destination
from outbox.ids import new_id
from outbox.inbound_models import InboundSecret
from outbox.webhook_models import WebhookEndpoint, WebhookSecret

__all__ = [
    "Attempt",
    "Command",
    "Delivery",
    "Destination",
    "Event",
    "InboundSecret",
    "Position",
    "Replay",
    "Route",
    "Status",
    "Tally",
    "WebhookEndpoint",
    "WebhookSecret",
]


class Event(models.Model):
    """
    A fact. Append-only: a trigger refuses UPDATE, DELETE and TRUNCATE.

    `version` counts within the stream, under the lock of the row the stream
    is named after; the unique constraint is what remains if a lock is missed.
    """

    seq = models.BigAutoField(primary_key=True)
    id = models.UUIDField(unique=True, default=new_id, editable=False)
    stream = models.CharField(max_length=100)
    version = models.BigIntegerField()
    type = models.CharField(max_length=100)
    schema_version = models.PositiveSmallIntegerField()
    data = models.JSONField()
    about = ArrayField(models.UUIDField())
    metadata = models.JSONField(default=dict)
    xact = TransactionIdField(db_default=CurrentTransaction())
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            # Two writers that both took themselves for the next one.
            models.UniqueConstraint(
                fields=["stream", "version"], name="outbox_event_stream_version"
            ),
        ]
        indexes = [GinIndex(fields=["about"], name="outbox_event_about")]

    def __str__(self) -> str:
        return f"{self.type} {self.stream}@{self.version}"


class Command(models.Model):
    """What a command id answered the first time: ids, never the body."""

    id = models.UUIDField(primary_key=True)
    actor = models.CharField(max_length=100)
    name = models.CharField(max_length=200)
    body_hash = models.CharField(max_length=64)
    events = ArrayField(models.UUIDField(), default=list)
    answer = models.JSONField(default=dict)
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.name} {self.id}"


class Position(models.Model):
    """
    The place of an event in the order everybody reads: 1, 2, 3 …, no gaps.

    Given after commit, by the sequencer alone. `known_at` never falls: as of
    a time is the last position with `known_at` at or before it.
    """

    position = models.BigIntegerField(primary_key=True)
    event_id = models.UUIDField(unique=True)
    seq = models.BigIntegerField(unique=True)
    owed = models.PositiveIntegerField()
    known_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.position}: {self.event_id}"


class Route(models.Model):
    """
    Who is told of what. Fan-out is one join on this table.

    Never deleted, only made inactive: deliveries already owed still name it.
    """

    channel = models.CharField(max_length=20)
    destination = models.CharField(max_length=200)
    event_type = models.CharField(max_length=100)
    ordered = models.BooleanField(default=False)
    active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            # A second route for the same three would owe everything twice.
            models.UniqueConstraint(
                fields=["event_type", "channel", "destination"],
                name="outbox_route_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} -> {self.channel}:{self.destination}"


class Status(models.TextChoices):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    UNKNOWN = "unknown"


class Delivery(models.Model):
    """
    One event owed to one destination.

    `claim` only grows and fences every outcome; `attempts` is what has been
    charged; `worker` names the holder of a claim that is not settled yet.
    `sending_at` is set while something leaves that must never leave twice;
    `children` counts the deliveries this one has been expanded to.
    """

    id = models.BigAutoField(primary_key=True)
    event_id = models.UUIDField()
    position = models.BigIntegerField()
    channel = models.CharField(max_length=20)
    destination = models.CharField(max_length=200)
    recipient = models.CharField(max_length=100, blank=True, default="")
    lane = models.CharField(max_length=100, null=True)  # noqa: DJ001 - NULL: no lane
    status = models.CharField(
        max_length=10, choices=Status.choices, db_default=Status.PENDING
    )
    claim = models.PositiveIntegerField(db_default=0)
    attempts = models.PositiveIntegerField(db_default=0)
    due_at = models.DateTimeField(db_default=Now())
    worker = models.CharField(max_length=100, blank=True, db_default="")
    error = models.CharField(max_length=500, blank=True, db_default="")
    message_id = models.CharField(max_length=200, blank=True, db_default="")
    children = models.PositiveIntegerField(db_default=0)
    created_at = models.DateTimeField(db_default=Now())
    sending_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            # The same fact owed twice to the same destination.
            models.UniqueConstraint(
                fields=["event_id", "channel", "destination", "recipient"],
                name="outbox_delivery_once",
            ),
        ]
        indexes = [
            # What is due, destination by destination, fresh before retried.
            models.Index(
                "channel",
                "destination",
                Least("attempts", 1),
                "due_at",
                condition=models.Q(status="pending"),
                name="outbox_delivery_due",
            ),
            # The oldest unfinished delivery of a lane.
            models.Index(
                fields=["channel", "destination", "lane", "position"],
                condition=models.Q(status="pending", lane__isnull=False),
                name="outbox_delivery_lane",
            ),
            # What is being attempted right now.
            models.Index(
                fields=["channel", "destination", "due_at"],
                condition=models.Q(status="pending") & ~models.Q(worker=""),
                name="outbox_delivery_claimed",
            ),
            # What an endpoint was told, the latest first.
            models.Index(
                fields=["destination", "id"],
                condition=models.Q(channel="webhooks"),
                name="outbox_delivery_told",
            ),
            # What a person has to look at.
            models.Index(
                fields=["channel", "destination", "finished_at"],
                condition=models.Q(status__in=["dead", "unknown"]),
                name="outbox_delivery_failed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel}:{self.destination} {self.event_id} {self.status}"


class Attempt(models.Model):
    """
    One row per claim that ended: what was tried, how long it took, the answer.

    `ambiguous` marks an attempt after which nobody here knows whether the other
    side has the message: it may see it again. The outcome `lost` is a claim whose
    outcome never came, `fenced` one that came when the claim was no longer ours.
    """

    id = models.BigAutoField(primary_key=True)
    delivery = models.ForeignKey(
        Delivery, on_delete=models.CASCADE, related_name="tries"
    )
    claim = models.PositiveIntegerField()
    at = models.DateTimeField(db_default=Now())
    seconds = models.FloatField(null=True)
    outcome = models.CharField(max_length=40)
    ambiguous = models.BooleanField(db_default=False)
    http_status = models.PositiveSmallIntegerField(null=True)
    answer = models.TextField(blank=True, default="")
    worker = models.CharField(max_length=100)

    class Meta:
        constraints = [
            # A claim has one outcome.
            models.UniqueConstraint(
                fields=["delivery", "claim"], name="outbox_attempt_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.delivery_id}#{self.claim} {self.outcome}"


class Tally(models.Model):
    """How many finished deliveries were pruned: the audit's sums go on with them."""

    channel = models.CharField(max_length=20)
    destination = models.CharField(max_length=200)
    status = models.CharField(max_length=10, choices=Status.choices)
    deliveries = models.BigIntegerField(default=0)
    children = models.BigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "tallies"
        constraints = [
            # Two counts of the same thing would each be half the truth.
            models.UniqueConstraint(
                fields=["channel", "destination", "status"], name="outbox_tally_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel}:{self.destination} {self.status} {self.deliveries}"


class Replay(models.Model):
    """
    An order to deliver again what has failed, carried out batch by batch.

    It goes through the deliveries that match, up to the one that was the last when
    it was given, and remembers how far it has come: whoever is killed at it, the
    next relay goes on. An empty condition matches everything.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    channel = models.CharField(max_length=20, blank=True, default="")
    destination = models.CharField(max_length=200, blank=True, default="")
    event_type = models.CharField(max_length=100, blank=True, default="")
    since = models.DateTimeField()
    last = models.BigIntegerField()
    seen = models.BigIntegerField(default=0)
    replayed = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.id}: {self.replayed} replayed"
