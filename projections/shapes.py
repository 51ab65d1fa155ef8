"""What the questions of the API answer."""

from __future__ import annotations

import re
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from outbox.api.given import Given

FURTHEST_POSITION = 10**18 - 1


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "format": "date-time"},
            {"type": "integer", "minimum": 0, "maximum": FURTHEST_POSITION},
        ]
    }
)
class Moment(serializers.DateTimeField):
    """A time, or a position in the log."""

    def to_internal_value(self, value: Any) -> Any:
        """Return the number, or the time."""
        if re.fullmatch(r"[0-9]{1,18}", str(value)):
            return int(value)
        return super().to_internal_value(value)


class AsOf(Given):
    """What was so at an earlier moment."""

    as_of = Moment(
        required=False,
        help_text="A position in the log, or a time such as 2026-03-02T10:00:00Z.",
    )


class ShelfQuery(AsOf):
    """Which part of a shelf: what is at home, or what was brought back."""

    returned = serializers.BooleanField(default=False)


class OnShelf(serializers.Serializer[object]):
    """A loan as its member sees it; `returned_at` a lost one was declared lost."""

    loan_id = serializers.UUIDField()
    copy_id = serializers.UUIDField()
    book_id = serializers.UUIDField()
    title = serializers.CharField()
    borrowed_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField()
    returned_at = serializers.DateTimeField(allow_null=True)
    lost = serializers.BooleanField()


class Overdue(serializers.Serializer[object]):
    """A loan whose time is over. The name is empty for one who was erased."""

    loan_id = serializers.UUIDField()
    copy_id = serializers.UUIDField()
    book_id = serializers.UUIDField()
    title = serializers.CharField()
    member_id = serializers.UUIDField()
    member_name = serializers.CharField(allow_blank=True)
    due_at = serializers.DateTimeField()


class InBranch(serializers.Serializer[object]):
    """How many copies of a book a branch has; null: those of no branch."""

    branch_id = serializers.UUIDField(allow_null=True)
    copies = serializers.IntegerField()
    on_loan = serializers.IntegerField()
    set_aside = serializers.IntegerField()
    in_transit = serializers.IntegerField(help_text="Those under way to a branch.")
    marked = serializers.IntegerField(help_text="Missing, damaged or lost ones.")
    available = serializers.IntegerField()


class AvailabilityShown(serializers.Serializer[object]):
    """How many copies of a book there are, and how many can be borrowed now."""

    book_id = serializers.UUIDField()
    title = serializers.CharField()
    copies = serializers.IntegerField()
    on_loan = serializers.IntegerField()
    set_aside = serializers.IntegerField()
    in_transit = serializers.IntegerField(help_text="Those under way to a branch.")
    marked = serializers.IntegerField(help_text="Missing, damaged or lost ones.")
    available = serializers.IntegerField()
    branches = serializers.SerializerMethodField()

    @extend_schema_field(InBranch(many=True))
    def get_branches(self, row: object) -> Any:
        """Return the same for each branch."""
        return InBranch(self.context["branches"], many=True).data


class Step(serializers.Serializer[object]):
    """An event that changed a row. `position` is null until it has one."""

    event_id = serializers.UUIDField(source="recorded.id")
    type = serializers.CharField(source="recorded.event.type")
    position = serializers.IntegerField(source="recorded.position", allow_null=True)
    occurred_at = serializers.DateTimeField(source="recorded.occurred_at")
    actor = serializers.SerializerMethodField()
    before = serializers.DictField()
    after = serializers.DictField(allow_null=True)

    def get_actor(self, step: Any) -> str:
        """Return who did it, such as "user:0190…"."""
        return str(step.recorded.metadata.get("actor", ""))


class RowHistory(serializers.Serializer[object]):
    """A row of a folded table, and the events that made it; null: it has ended."""

    table = serializers.CharField()
    key = serializers.CharField()
    row = serializers.DictField(allow_null=True)
    events = Step(many=True)


class Search(Given):
    """What to look for: words, the beginning of the last one, or an ISBN."""

    q = serializers.CharField(max_length=200, allow_blank=True, default="")
    author = serializers.CharField(max_length=500, required=False)
    subject = serializers.CharField(max_length=500, required=False)
    branch = serializers.UUIDField(required=False)
    language = serializers.CharField(max_length=16, required=False)
    year = serializers.IntegerField(min_value=-9999, max_value=9999, required=False)
    available = serializers.BooleanField(required=False)


class FoundBook(serializers.Serializer[object]):
    """A book that was found."""

    book_id = serializers.UUIDField()
    title = serializers.CharField()
    authors = serializers.ListField(child=serializers.CharField())
    subjects = serializers.ListField(child=serializers.CharField())
    isbn13 = serializers.CharField(allow_null=True)
    language = serializers.CharField(allow_blank=True)
    year = serializers.IntegerField(allow_null=True)
    available = serializers.BooleanField()


class FacetValue(serializers.Serializer[object]):
    """How many of the hits have a value."""

    value = serializers.CharField()
    count = serializers.IntegerField()


class Facets(serializers.Serializer[object]):
    """The hits divided, in each way the most frequent values first."""

    author = FacetValue(many=True, required=False)
    subject = FacetValue(many=True, required=False)
    branch = FacetValue(many=True, required=False)
    language = FacetValue(many=True, required=False)
    year = FacetValue(many=True, required=False)
    available = FacetValue(many=True, required=False)


class FoundBooks(serializers.Serializer[object]):
    """
    A page of what was found, the best first.

    `count` ends at 10,000. `searched_for` has the words as they were looked for:
    others than given, where those were found nowhere.
    """

    searched_for = serializers.CharField(allow_blank=True)
    count = serializers.IntegerField()
    results = FoundBook(many=True)
    facets = Facets()
