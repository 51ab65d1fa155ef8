"""What lending's API takes and shows."""

from __future__ import annotations

from rest_framework import serializers

from outbox.api.given import Given


class LoanShown(serializers.Serializer[object]):
    """A loan. `returned_at` is null as long as it is open."""

    id = serializers.UUIDField()
    copy_id = serializers.UUIDField()
    barcode = serializers.CharField(source="copy.barcode")
    book_id = serializers.UUIDField()
    title = serializers.CharField(source="book.title")
    member_id = serializers.UUIDField()
    borrowed_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField()
    shortened = serializers.BooleanField(
        help_text="It is due before its time, since the membership ends."
    )
    overdue_at = serializers.DateTimeField(allow_null=True)
    renewals = serializers.IntegerField()
    returned_at = serializers.DateTimeField(allow_null=True)


class NewLoan(Given):
    """A copy to borrow: for yourself, or, by a librarian, for anybody."""

    copy_id = serializers.UUIDField()
    member_id = serializers.UUIDField(required=False)


class HoldShown(serializers.Serializer[object]):
    """
    A hold. `position` counts from 1 while it waits; a copy is set aside once ready.

    `status` is waiting, ready, fulfilled, cancelled or expired.
    """

    id = serializers.UUIDField()
    book_id = serializers.UUIDField()
    title = serializers.CharField(source="book.title")
    member_id = serializers.UUIDField()
    status = serializers.CharField()
    position = serializers.IntegerField(allow_null=True)
    placed_at = serializers.DateTimeField()
    copy_id = serializers.UUIDField(allow_null=True)
    ready_at = serializers.DateTimeField(allow_null=True)
    pickup_until = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)


class NewHold(Given):
    """A book to wait for: oneself, or, by a librarian, anybody."""

    book_id = serializers.UUIDField()
    member_id = serializers.UUIDField(required=False)


class HoldQuery(Given):
    """Which holds to list."""

    book = serializers.UUIDField(required=False)
    member = serializers.UUIDField(required=False)
    open = serializers.BooleanField(required=False)


class LoanQuery(Given):
    """Which loans to list."""

    member = serializers.UUIDField(required=False)
    open = serializers.BooleanField(required=False)
