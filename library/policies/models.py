"""The policies as they stand now. Written by `state.py` alone."""

from __future__ import annotations

from django.db import models

from library.catalog.models import Branch
from outbox.folds import FoldedModel


class Policy(FoldedModel):
    """
    What applies where: for a branch, a category and a kind, or (empty) for any.

    What the numbers mean is said in `rules.Policy`.
    """

    id = models.UUIDField(primary_key=True)
    name = models.CharField(max_length=100)
    version = models.PositiveIntegerField()
    branch = models.ForeignKey(Branch, on_delete=models.DO_NOTHING, null=True)
    category = models.CharField(max_length=20)
    kind = models.CharField(max_length=20)
    set_at = models.DateTimeField()
    loan_days = models.PositiveIntegerField()
    loan_limit = models.PositiveIntegerField()
    renewal_limit = models.PositiveIntegerField()
    renewable_days = models.PositiveIntegerField()
    hold_limit = models.PositiveIntegerField(null=True)
    hold_days = models.PositiveIntegerField()
    pickup_days = models.PositiveIntegerField()
    overdue_limit = models.PositiveIntegerField()
    fee_per_day = models.PositiveIntegerField()
    fee_grace_days = models.PositiveIntegerField()
    fee_maximum = models.PositiveIntegerField()
    fee_limit = models.PositiveIntegerField()
    due_soon_days = models.PositiveIntegerField()
    history_days = models.PositiveIntegerField()
    lost_price = models.PositiveIntegerField()
    lost_fee = models.PositiveIntegerField()
    restricted = models.BooleanField()
    open_ended = models.BooleanField()

    class Meta:
        verbose_name_plural = "policies"
        constraints = [
            # Two answers to what applies.
            models.UniqueConstraint(
                fields=["branch", "category", "kind"],
                nulls_distinct=False,
                name="policies_policy_one_per_match",
            ),
            # Holds that are over before they began.
            models.CheckConstraint(
                condition=models.Q(hold_days__gte=1), name="policies_policy_hold_days"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"
