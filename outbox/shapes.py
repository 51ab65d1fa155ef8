"""What the API of endpoints and deliveries takes and shows."""

from __future__ import annotations

from rest_framework import serializers

from outbox.api.given import Given
from outbox.models import Status

Text = serializers.CharField
PATTERNS = 100


class EndpointShown(serializers.Serializer[object]):
    """Somebody's URL, and what it wants to hear. Never its secret."""

    id = serializers.UUIDField()
    url = Text()
    event_types = serializers.ListField(child=Text())
    ordered = serializers.BooleanField()
    active = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class NewEndpointShown(EndpointShown):
    """
    A new endpoint with the secret that signs for it.

    The secret is shown once. A repeat of the same request says so in `note`.
    """

    secret = Text(allow_null=True)
    note = Text(allow_blank=True)


class NewEndpoint(Given):
    """A URL to tell. Event types may be groups, such as `book.*`."""

    url = Text(max_length=500)
    event_types = serializers.ListField(
        child=Text(max_length=100), allow_empty=False, max_length=PATTERNS
    )
    ordered = serializers.BooleanField(default=False)


class EndpointChange(Given):
    """What to change of an endpoint; the rest stays."""

    url = Text(max_length=500, required=False)
    event_types = serializers.ListField(
        child=Text(max_length=100),
        allow_empty=False,
        max_length=PATTERNS,
        required=False,
    )
    active = serializers.BooleanField(required=False)


class AttemptShown(serializers.Serializer[object]):
    """One attempt, and what the other side answered."""

    at = serializers.DateTimeField()
    seconds = serializers.FloatField(allow_null=True)
    outcome = Text()
    http_status = serializers.IntegerField(allow_null=True)
    answer = Text(allow_blank=True)


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


class EventTypeShown(serializers.Serializer[object]):
    """A kind of event that can be asked for."""

    type = Text()
    schema_version = serializers.IntegerField()
    description = Text()
