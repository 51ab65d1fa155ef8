"""What is counted, as it is asked for and shown."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from outbox.api.given import Given


class ProfileShown(serializers.Serializer[object]):
    """
    A member in numbers, in the smallest unit of money there is.

    `overdue` counts what was marked as late at the start of a day. The name is empty
    for one who was erased.
    """

    member_id = serializers.UUIDField()
    name = serializers.SerializerMethodField()
    category = serializers.CharField()
    registered_at = serializers.DateTimeField()
    books_borrowed = serializers.IntegerField()
    open_loans = serializers.IntegerField()
    open_holds = serializers.IntegerField()
    overdue = serializers.SerializerMethodField()
    balance = serializers.IntegerField()

    def get_name(self, row: Any) -> str:
        """Return the name, which no read model has."""
        return str(self.context["name"])

    def get_overdue(self, row: Any) -> int:
        """Return how many loans are late."""
        return len(row.overdue)


class ActivityQuery(Given):
    """Which days to count, of all branches and categories or of one."""

    first = serializers.DateField(required=False)
    last = serializers.DateField(required=False)
    branch = serializers.UUIDField(required=False)
    category = serializers.CharField(max_length=40, required=False, allow_blank=True)


class ActivityShown(serializers.Serializer[object]):
    """How many loans a branch made to a category of members on a day, by UTC."""

    day = serializers.DateField()
    branch_id = serializers.UUIDField(allow_null=True)
    category = serializers.CharField(allow_blank=True)
    loans = serializers.IntegerField()


@extend_schema_field({"type": "string", "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$"})
class Month(serializers.CharField):
    """A month, such as 2026-03."""

    default_error_messages = {"no_month": "This is no month. Write it as 2026-03."}

    def to_internal_value(self, data: Any) -> Any:
        """Return its first day."""
        found = re.fullmatch(r"([1-9][0-9]{3})-(0[1-9]|1[0-2])", str(data))
        if found is None:
            self.fail("no_month")
        return date(int(found[1]), int(found[2]), 1)


class TopQuery(Given):
    """Which months to count."""

    first = Month(required=False)
    last = Month(required=False)


class TopBook(serializers.Serializer[object]):
    """A book, and how often it was lent. The title is that of today."""

    book_id = serializers.UUIDField()
    title = serializers.CharField(allow_blank=True)
    loans = serializers.IntegerField(source="lent")
