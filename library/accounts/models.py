"""The accounts as they stand now. Written by `state.py` alone."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from library.members.models import Member
from outbox.folds import FoldedModel, FoldedQuerySet


class FeeQuerySet(FoldedQuerySet["Fee"]):
    """Questions about fees."""

    def open(self) -> FeeQuerySet:
        """Return the fees that are owed, to us or (a credit) to the member."""
        return self.exclude(owed=0)

    def balance(self) -> int:
        """Return how much is owed, in the smallest unit of money there is."""
        return self.open().aggregate(sum=models.Sum("owed"))["sum"] or 0


class Fee(FoldedModel):
    """
    What a loan that was late or lost costs its member.

    `owed` is what its entries add up to: the amount, less what was paid or waived,
    less what was reversed. Below zero it is a credit.
    """

    id = models.UUIDField(primary_key=True)
    member = models.ForeignKey(Member, on_delete=models.DO_NOTHING, related_name="fees")
    loan_id = models.UUIDField()  # lending stands on this part, so no foreign key
    due_at = models.DateTimeField()
    charged_at = models.DateTimeField()
    kind = models.CharField(max_length=10)
    amount = models.PositiveBigIntegerField()
    owed = models.BigIntegerField()
    days_late = models.PositiveIntegerField()
    settled_at = models.DateTimeField(null=True)
    settled_how = models.CharField(max_length=10, default="")
    reversed_at = models.DateTimeField(null=True)

    objects: ClassVar[FeeQuerySet] = FeeQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            # One missed due date, or one lost copy, paid for twice.
            models.UniqueConstraint(
                fields=["loan_id", "due_at", "kind"],
                name="accounts_fee_once_per_due_date",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.member_id}"
