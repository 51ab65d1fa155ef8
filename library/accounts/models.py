"""The accounts as they stand now. Written by `state.py` alone."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from library.members.models import Member
from outbox.folds import FoldedModel, FoldedQuerySet


class FeeQuerySet(FoldedQuerySet["Fee"]):
    """Questions about fees."""

    def open(self) -> FeeQuerySet:
        """Return the fees that are owed."""
        return self.filter(settled_at__isnull=True)

    def balance(self) -> int:
        """Return how much is owed, in the smallest unit of money there is."""
        return self.open().aggregate(sum=models.Sum("amount"))["sum"] or 0


class Fee(FoldedModel):
    """What a loan that was late costs its member, until it is paid or waived."""

    id = models.UUIDField(primary_key=True)
    member = models.ForeignKey(Member, on_delete=models.DO_NOTHING, related_name="fees")
    loan_id = models.UUIDField()  # lending stands on this part, so no foreign key
    due_at = models.DateTimeField()
    charged_at = models.DateTimeField()
    amount = models.PositiveBigIntegerField()
    days_late = models.PositiveIntegerField()
    settled_at = models.DateTimeField(null=True)
    settled_how = models.CharField(max_length=10, default="")

    objects: ClassVar[FeeQuerySet] = FeeQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            # One missed due date paid for twice.
            models.UniqueConstraint(
                fields=["loan_id", "due_at"], name="accounts_fee_once_per_due_date"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.member_id}"
