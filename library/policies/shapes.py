"""What the API of policies takes and shows."""

from __future__ import annotations

from rest_framework import serializers

from library.catalog import rules as catalog_rules
from library.members.shapes import Category
from library.policies import policies
from outbox.api.given import Given

KIND = rf"^[a-z0-9-]{{0,{catalog_rules.LONGEST_KIND}}}$"


def _number(
    most: int = policies.MOST, *, least: int = 0, none: bool = False
) -> serializers.IntegerField:
    return serializers.IntegerField(
        min_value=least, max_value=most, required=False, allow_null=none
    )


class Numbers(serializers.Serializer[object]):
    """The numbers of a policy. Money is in the smallest unit there is."""

    name = serializers.CharField()
    version = serializers.IntegerField()
    loan_days = serializers.IntegerField()
    loan_limit = serializers.IntegerField()
    renewal_limit = serializers.IntegerField()
    renewable_days = serializers.IntegerField()
    hold_limit = serializers.IntegerField(allow_null=True)
    hold_days = serializers.IntegerField()
    pickup_days = serializers.IntegerField()
    overdue_limit = serializers.IntegerField()
    fee_per_day = serializers.IntegerField()
    fee_grace_days = serializers.IntegerField()
    fee_maximum = serializers.IntegerField()
    fee_limit = serializers.IntegerField()
    due_soon_days = serializers.IntegerField()
    history_days = serializers.IntegerField()
    lost_price = serializers.IntegerField()
    lost_fee = serializers.IntegerField()
    restricted = serializers.BooleanField()
    open_ended = serializers.BooleanField()


class PolicyShown(Numbers):
    """A policy: to which loans it applies (empty: to any), and its numbers."""

    id = serializers.UUIDField()
    branch_id = serializers.UUIDField(allow_null=True)
    category = serializers.CharField()
    kind = serializers.CharField()
    set_at = serializers.DateTimeField()


class NewPolicy(Given):
    """
    What applies from now on to a branch, category and kind; left out: to any.

    Numbers that are left out are those of the default. No days to lend for: not
    for loan. No days before the due date: renewable at any time. A hold limit of
    null: as many as somebody likes.
    """

    name = serializers.CharField(max_length=policies.LONGEST_NAME)
    branch_id = serializers.UUIDField(required=False, allow_null=True)
    category = Category(required=False, allow_blank=True)
    kind = serializers.RegexField(KIND, required=False, allow_blank=True)
    loan_days = _number(policies.LONGEST_LOAN)
    loan_limit = _number()
    renewal_limit = _number()
    renewable_days = _number(policies.LONGEST_LOAN)
    hold_limit = _number(none=True)
    hold_days = _number(policies.LONGEST_LOAN, least=1)
    pickup_days = _number(policies.LONGEST_LOAN)
    overdue_limit = _number()
    fee_per_day = _number()
    fee_grace_days = _number(policies.LONGEST_LOAN)
    fee_maximum = _number()
    fee_limit = _number()
    due_soon_days = _number(policies.LONGEST_LOAN)
    history_days = _number(policies.LONGEST_LOAN)
    lost_price = _number()
    lost_fee = _number()
    restricted = serializers.BooleanField(required=False)
    open_ended = serializers.BooleanField(required=False)


class PolicyQuestion(Given):
    """A loan to be made: from which branch, to which category, of which kind."""

    branch = serializers.UUIDField(required=False)
    category = Category(default="reader")
    kind = serializers.RegexField(KIND, default="book")


class Explained(serializers.Serializer[object]):
    """Which policy applies, why, and which others fit, the nearest first."""

    applies = Numbers()
    because = serializers.CharField()
    also_fitting = PolicyShown(many=True)
