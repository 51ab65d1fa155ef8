"""What the API takes and shows of where copies are."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from library.catalog import rules as catalog_rules
from library.lending.shapes import LoanShown
from outbox.api.given import Given


class NewHome(Given):
    """Where a copy is at home from now on: null in no branch. The kind may stay."""

    branch_id = serializers.UUIDField(allow_null=True)
    kind = serializers.RegexField(
        rf"^[a-z0-9-]{{1,{catalog_rules.LONGEST_KIND}}}$", required=False
    )


class Mark(Given):
    """What is wrong with a copy; empty: nothing, any more."""

    condition = serializers.ChoiceField(choices=catalog_rules.MARKS, allow_blank=True)


class Scan(Given):
    """Where a copy was scanned; left out: where it is at home."""

    branch_id = serializers.UUIDField(required=False, allow_null=True)


class Back(Given):
    """
    Where a copy came back, and when; left out: at home, and now.

    Only librarians say so. A time to come is taken as now.
    """

    branch_id = serializers.UUIDField(required=False, allow_null=True)
    returned_at = serializers.DateTimeField(required=False)


class Brought(Back):
    """A copy that somebody brings, by its id or its barcode."""

    copy_id = serializers.UUIDField(required=False)
    barcode = serializers.CharField(
        required=False, max_length=catalog_rules.LONGEST_BARCODE
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse none and both."""
        if ("copy_id" in attrs) is ("barcode" in attrs):
            raise serializers.ValidationError(
                "Give either the copy_id or the barcode.", code="one_of"
            )
        return attrs


class WhereaboutsShown(serializers.Serializer[object]):
    """
    Where a copy belongs now.

    `status` is on_loan, in_transit, ready, on_shelf, missing, damaged or lost. It is
    under way to `branch_id`, waits or stands there; `hold_id` is for whom.
    """

    copy_id = serializers.UUIDField()
    status = serializers.CharField()
    branch_id = serializers.UUIDField(allow_null=True)
    hold_id = serializers.UUIDField(allow_null=True)


class TakenBack(serializers.Serializer[object]):
    """What became of a copy that somebody brought: the loan it ended, if it did."""

    loan = LoanShown(allow_null=True)
    copy = WhereaboutsShown()


class TransitShown(serializers.Serializer[object]):
    """A copy that is under way: home, or for a hold."""

    id = serializers.UUIDField()
    copy_id = serializers.UUIDField()
    barcode = serializers.CharField(source="copy.barcode")
    title = serializers.CharField(source="copy.book.title")
    from_branch_id = serializers.UUIDField(allow_null=True)
    to_branch_id = serializers.UUIDField()
    hold_id = serializers.UUIDField(allow_null=True)
    sent_at = serializers.DateTimeField()


class TransitQuery(Given):
    """Which ways to list."""

    from_branch = serializers.UUIDField(required=False)
    to_branch = serializers.UUIDField(required=False)


class SoughtShown(serializers.Serializer[object]):
    """A copy to be looked for: missing, or (with a loan) said to be back."""

    id = serializers.UUIDField()
    book_id = serializers.UUIDField()
    title = serializers.CharField(source="book.title")
    barcode = serializers.CharField()
    branch_id = serializers.UUIDField(allow_null=True)
    condition = serializers.CharField(allow_blank=True)
    loan_id = serializers.UUIDField(allow_null=True)
