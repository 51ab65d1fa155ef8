"""What an account shows."""

from __future__ import annotations

from rest_framework import serializers

from projections.shapes import OnShelf


class Wanted(serializers.Serializer[object]):
    """
    A book that is waited for: its queue's `position`, or the copy that is set aside.

    `status` is waiting, in_transit or ready.
    """

    hold_id = serializers.UUIDField(source="id")
    book_id = serializers.UUIDField()
    title = serializers.CharField(source="book.title")
    status = serializers.CharField()
    position = serializers.IntegerField(allow_null=True)
    placed_at = serializers.DateTimeField()
    copy_id = serializers.UUIDField(allow_null=True)
    pickup_until = serializers.DateTimeField(allow_null=True)


class Owed(serializers.Serializer[object]):
    """A fee that is owed: `owed` of the amount is left, below zero a credit."""

    fee_id = serializers.UUIDField(source="id")
    loan_id = serializers.UUIDField()
    kind = serializers.CharField()
    amount = serializers.IntegerField()
    owed = serializers.IntegerField()
    charged_at = serializers.DateTimeField()


class AccountShown(serializers.Serializer[object]):
    """What a member has, waits for and owes, in the smallest unit of money."""

    member_id = serializers.UUIDField()
    balance = serializers.IntegerField()
    loans = OnShelf(many=True)
    holds = Wanted(many=True)
    fees = Owed(many=True)
