"""Lending as it stands now. Written by `state.py` alone."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.db import models

from library.catalog.calendars import ALWAYS_OPEN, Calendar
from library.catalog.models import Book, Branch, Copy
from library.members.models import Member
from outbox.folds import FoldedModel, FoldedQuerySet


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
    hold_limit = models.PositiveIntegerField()
    pickup_days = models.PositiveIntegerField()
    overdue_limit = models.PositiveIntegerField()
    fee_per_day = models.PositiveIntegerField()
    fee_grace_days = models.PositiveIntegerField()
    fee_maximum = models.PositiveIntegerField()
    fee_limit = models.PositiveIntegerField()
    lost_fee = models.PositiveIntegerField()

    class Meta:
        verbose_name_plural = "policies"
        constraints = [
            # Two answers to what applies.
            models.UniqueConstraint(
                fields=["branch", "category", "kind"],
                nulls_distinct=False,
                name="lending_policy_one_per_match",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class LoanQuerySet(FoldedQuerySet["Loan"]):
    """Questions about loans."""

    def open(self) -> LoanQuerySet:
        """Return the loans that were not returned."""
        return self.filter(returned_at__isnull=True)

    def overdue(self, now: datetime) -> LoanQuerySet:
        """Return the open loans whose time is over."""
        return self.open().filter(due_at__lt=now)

    def of_copy(self, copy_id: UUID) -> Loan | None:
        """Return the open loan of a copy, if it is on loan."""
        return self.open().filter(copy_id=copy_id).first()


class Loan(FoldedModel):
    """A copy with a member, from a day to a day."""

    id = models.UUIDField(primary_key=True)
    copy = models.ForeignKey(Copy, on_delete=models.DO_NOTHING, related_name="loans")
    book = models.ForeignKey(Book, on_delete=models.DO_NOTHING, related_name="loans")
    member = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="loans"
    )
    branch = models.ForeignKey(Branch, on_delete=models.DO_NOTHING, null=True)
    borrowed_at = models.DateTimeField()
    due_at = models.DateTimeField()
    renewals = models.PositiveIntegerField(default=0)
    returned_at = models.DateTimeField(null=True)

    objects: ClassVar[LoanQuerySet] = LoanQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            # One copy in two homes.
            models.UniqueConstraint(
                fields=["copy"],
                condition=models.Q(returned_at__isnull=True),
                name="lending_loan_one_open_per_copy",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(returned_at__isnull=True),
                name="lending_loan_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.copy_id} with {self.member_id}"

    @property
    def calendar(self) -> Calendar:
        """When the branch is open that the copy was borrowed from."""
        return self.branch.calendar if self.branch else ALWAYS_OPEN
