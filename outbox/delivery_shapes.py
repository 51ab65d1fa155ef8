"""What the API of deliveries takes and shows."""

from __future__ import annotations

from rest_framework import serializers

from outbox import codec
from outbox.api.given import Given
from outbox.models import Status

Text = serializers.CharField
LISTED_ANSWER = 500  # characters of an answer, in a list


class OfType(Given):
    """Base of what may name an event type; one that there is not is an error."""

    event_type = Text(required=False, max_length=100)

    def validate_event_type(self, given: str) -> str:
        """Return a type that there is."""
        if given not in codec.event_types():
            raise serializers.ValidationError(
                f"There is no event type {given!r}. See /api/v1/event-types/.",
                code="unknown_event_type",
            )
        return given


class DeliveryFilter(OfType):
    """Which deliveries to list; all of it applies together."""

    status = serializers.ChoiceField(choices=Status.choices, required=False)
    since = serializers.DateTimeField(
        required=False, help_text="Those that have been owed since then."
    )


class ReplayOrder(OfType):
    """What to deliver again: all that has failed for good since then."""

    since = serializers.DateTimeField()


class ReplayShown(serializers.Serializer[object]):
    """An order to deliver again what has failed, and how far it has come."""

    id = serializers.UUIDField()
    since = serializers.DateTimeField()
    event_type = Text(allow_blank=True)
    replayed = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class PingShown(serializers.Serializer[object]):
    """What became of a test message, and what the other side answered."""

    delivered = serializers.BooleanField()
    outcome = Text()
    http_status = serializers.IntegerField(allow_null=True, source="status")
    answer = Text(allow_blank=True, source="text")
    seconds = serializers.FloatField()


class AttemptShown(serializers.Serializer[object]):
    """One attempt, and what the other side answered."""

    at = serializers.DateTimeField()
    seconds = serializers.FloatField(allow_null=True)
    outcome = Text()
    http_status = serializers.IntegerField(allow_null=True)
    answer = Text(
        allow_blank=True,
        source="said",
        help_text=f"Its start; in a list the first {LISTED_ANSWER} characters.",
    )


class DeliveryShown(serializers.Serializer[object]):
    """One event owed to an endpoint, and every attempt to deliver it."""

    id = serializers.IntegerField()
    event_id = serializers.UUIDField()
    event_type = Text()
    position = serializers.IntegerField()
    status = serializers.ChoiceField(choices=Status.choices)
    due_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    error = Text(allow_blank=True)
    attempts = AttemptShown(many=True, source="tries.all")


class DeliveryWithBody(DeliveryShown):
    """A delivery with its message, as it is sent: byte for byte, on every attempt."""

    body = Text(allow_null=True)
