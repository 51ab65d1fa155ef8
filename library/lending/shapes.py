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
    renewals = serializers.IntegerField()
    returned_at = serializers.DateTimeField(allow_null=True)


class NewLoan(Given):
    """A copy to borrow: for yourself, or, by a librarian, for anybody."""

    copy_id = serializers.UUIDField()
    member_id = serializers.UUIDField(required=False)


class LoanQuery(Given):
    """Which loans to list."""

    member = serializers.UUIDField(required=False)
    open = serializers.BooleanField(required=False)
