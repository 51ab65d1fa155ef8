"""What the API of endpoints takes and shows."""

from __future__ import annotations

from rest_framework import serializers

from outbox.api.given import Given
from outbox.channels.webhooks import terms
from outbox.channels.webhooks.channel import WORKERS
from outbox.channels.webhooks.keys import VERSIONS

Text = serializers.CharField
PATTERNS = 100


class SignatureShown(serializers.Serializer[object]):
    """
    One of the signatures of each message.

    `until` is when it ends, null for the current one; `public_key` checks a v1a.
    """

    scheme = serializers.ChoiceField(choices=VERSIONS, source="version")
    public_key = Text(allow_blank=True)
    since = serializers.DateTimeField(source="created_at")
    until = serializers.DateTimeField(allow_null=True)


class EndpointShown(serializers.Serializer[object]):
    """Somebody's URL, and what it wants to hear. Never its secret."""

    id = serializers.UUIDField()
    url = Text()
    event_types = serializers.ListField(child=Text())
    ordered = serializers.BooleanField()
    active = serializers.BooleanField()
    compatible = serializers.BooleanField()
    paused = serializers.BooleanField(source="terms.paused")
    per_second = serializers.FloatField(source="terms.per_second", allow_null=True)
    at_once = serializers.IntegerField(source="terms.at_once", allow_null=True)
    failures = serializers.IntegerField(
        source="terms.failures", help_text="In a row, since the last success."
    )
    failing_since = serializers.DateTimeField(
        source="terms.failing_since", allow_null=True
    )
    signatures = SignatureShown(many=True, source="signing")
    created_at = serializers.DateTimeField()


class NewEndpointShown(EndpointShown):
    """
    An endpoint with the new secret that signs for it.

    The secret is shown once; a repeat of the same request says so in `note`. It is
    null for v1a: a receiver needs the public key alone, which can be read any time.
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
    scheme = serializers.ChoiceField(
        choices=VERSIONS, default="v1", help_text="v1: HMAC-SHA256; v1a: Ed25519."
    )
    compatible = serializers.BooleanField(
        default=False, help_text="Send X-Webhook-Signature and X-Event-Type too."
    )


class Rotation(Given):
    """How to replace the secret: what signs from now on, and how long the old one."""

    scheme = serializers.ChoiceField(
        choices=VERSIONS, required=False, help_text="As before, if not given."
    )
    overlap_hours = serializers.IntegerField(
        default=24,
        min_value=0,
        max_value=168,
        help_text="The former secret signs beside the new one for so long; 0: revoked.",
    )


class EndpointChange(Given):
    """What to change of an endpoint; the rest stays."""

    url = Text(max_length=500, required=False)
    event_types = serializers.ListField(
        child=Text(max_length=100),
        allow_empty=False,
        max_length=PATTERNS,
        required=False,
    )
    ordered = serializers.BooleanField(required=False)
    active = serializers.BooleanField(
        required=False, help_text="Off: nothing more is owed, and what was is given up."
    )
    compatible = serializers.BooleanField(required=False)
    paused = serializers.BooleanField(
        required=False, help_text="What is owed waits, and goes out afterwards."
    )
    per_second = serializers.FloatField(
        required=False,
        allow_null=True,
        min_value=terms.LEAST_PER_SECOND,
        max_value=terms.MOST_PER_SECOND,
        help_text="Messages a second, at the most; null: no limit.",
    )
    at_once = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=WORKERS,
        help_text="Requests at the same time, at the most; null: as many as there are.",
    )


class EventTypeShown(serializers.Serializer[object]):
    """
    A kind of event that can be asked for.

    `schema` is the JSON Schema (draft 2020-12) of its messages, `example` is one.
    """

    type = Text()
    schema_version = serializers.IntegerField()
    description = Text()
    schema = serializers.DictField()
    example = serializers.DictField()
