"""What the API of accounts takes and shows."""

from __future__ import annotations

from rest_framework import serializers

from library.accounts import rules
from outbox.api.given import Given


class FeeShown(serializers.Serializer[object]):
    """
    What a loan that was late or lost costs, in the smallest unit of money there is.

    `kind` is overdue or lost. `owed` is what is left; below zero it is a credit.
    """

    id = serializers.UUIDField()
    member_id = serializers.UUIDField()
    loan_id = serializers.UUIDField()
    kind = serializers.CharField()
    amount = serializers.IntegerField()
    owed = serializers.IntegerField()
    days_late = serializers.IntegerField()
    due_at = serializers.DateTimeField()
    charged_at = serializers.DateTimeField()
    settled_at = serializers.DateTimeField(allow_null=True)
    settled_how = serializers.CharField(allow_blank=True)
    reversed_at = serializers.DateTimeField(allow_null=True)


class FeeQuery(Given):
    """Which fees to list."""

    member = serializers.UUIDField(required=False)
    open = serializers.BooleanField(required=False)


class Settlement(Given):
    """How a fee came to its end."""

    how = serializers.ChoiceField(choices=rules.WAYS_TO_SETTLE)
