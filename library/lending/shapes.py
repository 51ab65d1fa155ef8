"""What lending's API takes and shows."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from library.catalog import rules as catalog_rules
from library.lending import baskets, hold_rules
from outbox.api.given import Given


class LoanShown(serializers.Serializer[object]):
    """
    A loan. `returned_at` is null as long as it is open; then `outcome` says whether
    the copy came back or was declared lost. `claimed_at`: it is said to be back.
    """

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
    outcome = serializers.CharField(allow_blank=True)
    claimed_at = serializers.DateTimeField(allow_null=True)


class NewLoan(Given):
    """A copy to borrow: for yourself, or, by a librarian, for anybody."""

    copy_id = serializers.UUIDField()
    member_id = serializers.UUIDField(required=False)


class NewDueDate(Given):
    """The day on which a loan is to be due, by the clocks of its branch."""

    due_on = serializers.DateField()


class CopyInHand(Given):
    """A copy, by its id or by its barcode."""

    copy_id = serializers.UUIDField(required=False)
    barcode = serializers.CharField(
        required=False, max_length=catalog_rules.LONGEST_BARCODE
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse none and both."""
        if len(attrs) != 1:
            raise serializers.ValidationError(
                "Give either the copy_id or the barcode.", code="one_of"
            )
        return attrs


class NewBasket(Given):
    """
    Copies to borrow in one step: for yourself, or, by a librarian, for anybody.

    With `all_or_nothing` none is lent where one cannot be.
    """

    copies = serializers.ListField(
        child=CopyInHand(), min_length=1, max_length=baskets.LARGEST
    )
    member_id = serializers.UUIDField(required=False)
    all_or_nothing = serializers.BooleanField(default=False)


class Renewals(Given):
    """Whose loans to renew: your own, or, by a librarian, anybody's."""

    member_id = serializers.UUIDField(required=False)


class ReasonShown(serializers.Serializer[object]):
    """One of the reasons against something, and the facts it rests on."""

    code = serializers.CharField()
    detail = serializers.CharField()
    facts = serializers.DictField(child=serializers.JSONField())


class AnswerShown(serializers.Serializer[object]):
    """
    What became of one copy: done, or every reason against it.

    `loan` is as it stands; null for a copy that was not lent.
    """

    done = serializers.BooleanField()
    loan = LoanShown(allow_null=True)
    reasons = ReasonShown(many=True)


class AnswersShown(serializers.Serializer[object]):
    """What became of each, in the order in which they were given."""

    results = AnswerShown(many=True)


class HoldShown(serializers.Serializer[object]):
    """
    A hold. `position` counts from 1 while it waits; a copy is set aside once ready.

    `status` is waiting, suspended, in_transit, ready, fulfilled, cancelled or expired.
    It is wanted at `pickup_branch_id`, or (null) wherever it is, and waits at
    `branch_id`.
    """

    id = serializers.UUIDField()
    book_id = serializers.UUIDField()
    title = serializers.CharField(source="book.title")
    member_id = serializers.UUIDField()
    status = serializers.CharField()
    position = serializers.IntegerField(allow_null=True)
    placed_at = serializers.DateTimeField()
    wanted_copy_id = serializers.UUIDField(
        allow_null=True, help_text="The very copy that is waited for; null: any."
    )
    ends_at = serializers.DateTimeField(
        allow_null=True, help_text="Until when it waits; null: for ever."
    )
    suspended_at = serializers.DateTimeField(
        allow_null=True, help_text="Since when it is passed over; null: it is not."
    )
    resumes_at = serializers.DateTimeField(allow_null=True)
    holds_left = serializers.IntegerField(
        allow_null=True,
        help_text="How many more could be placed after it; null: any number.",
    )
    pickup_branch_id = serializers.UUIDField(allow_null=True)
    copy_id = serializers.UUIDField(allow_null=True)
    branch_id = serializers.UUIDField(allow_null=True)
    ready_at = serializers.DateTimeField(allow_null=True)
    pickup_until = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)


class NewHold(Given):
    """
    A book to wait for: oneself, or, by a librarian, anybody.

    Without a branch to pick it up at, it waits wherever the copy is. With a copy, it is
    for this very one. It waits for some days, for ever, or as long as the policy says.
    """

    book_id = serializers.UUIDField()
    member_id = serializers.UUIDField(required=False)
    pickup_branch_id = serializers.UUIDField(required=False, allow_null=True)
    copy_id = serializers.UUIDField(required=False, allow_null=True)
    days = serializers.IntegerField(
        min_value=1, max_value=hold_rules.LONGEST_WAIT, required=False, allow_null=True
    )
    open_ended = serializers.BooleanField(required=False)


class Suspension(Given):
    """The day on which a hold goes on; left out: not known yet."""

    until = serializers.DateField(required=False, allow_null=True)


class NewPlace(Given):
    """The place in its queue that a hold is given, from 1."""

    position = serializers.IntegerField(min_value=1)


class HoldQuery(Given):
    """Which holds to list."""

    book = serializers.UUIDField(required=False)
    member = serializers.UUIDField(required=False)
    open = serializers.BooleanField(required=False)


class LoanQuery(Given):
    """Which loans to list."""

    member = serializers.UUIDField(required=False)
    open = serializers.BooleanField(required=False)
