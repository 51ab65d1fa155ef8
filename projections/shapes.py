"""What the questions of the API answer."""

from __future__ import annotations

from rest_framework import serializers

from outbox.api.given import Given


class ShelfQuery(Given):
    """Which part of a shelf: what is at home, or what was brought back."""

    returned = serializers.BooleanField(default=False)


class OnShelf(serializers.Serializer[object]):
    """A loan as its member sees it."""

    loan_id = serializers.UUIDField()
    copy_id = serializers.UUIDField()
    book_id = serializers.UUIDField()
    title = serializers.CharField()
    borrowed_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField()
    returned_at = serializers.DateTimeField(allow_null=True)


class Overdue(serializers.Serializer[object]):
    """A loan whose time is over. The name is empty for one who was erased."""

    loan_id = serializers.UUIDField()
    copy_id = serializers.UUIDField()
    book_id = serializers.UUIDField()
    title = serializers.CharField()
    member_id = serializers.UUIDField()
    member_name = serializers.CharField(allow_blank=True)
    due_at = serializers.DateTimeField()


class AvailabilityShown(serializers.Serializer[object]):
    """How many copies of a book there are, and how many can be borrowed now."""

    book_id = serializers.UUIDField()
    title = serializers.CharField()
    copies = serializers.IntegerField()
    on_loan = serializers.IntegerField()
    set_aside = serializers.IntegerField()
    available = serializers.IntegerField()
