"""What the API of accounts takes and shows."""

from __future__ import annotations

from rest_framework import serializers

from library.accounts import rules
from outbox.api.given import Given


class FeeShown(serializers.Serializer[object]):
    """What a loan that was late costs, in the smallest unit of money there is."""

    id = serializers.UUIDField()
    member_id = serializers.UUIDField()
    loan_id = serializers.UUIDField()
    amount = serializers.IntegerField()
    days_late = serializers.IntegerField()
    due_at = serializers.DateTimeField()
    charged_at = serializers.DateTimeField()
    settled_at = serializers.DateTimeField(allow_null=True)
    settled_how = serializers.CharField(allow_blank=True)


class FeeQuery(Given):
    """Which fees to list."""

    member = serializers.UUIDField(required=False)
    open = serializers.BooleanField(required=False)


class Settlement(Given):
    """How a fee came to its end."""

    how = serializers.ChoiceField(choices=rules.WAYS_TO_SETTLE)
