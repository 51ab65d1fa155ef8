"""
Lending as it stands now. Written by `state.py` alone.

Holds stand in `hold_models.py`.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.db import models

from library.catalog.calendars import ALWAYS_OPEN, Calendar
from library.catalog.models import Book, Branch, Copy
from library.lending.hold_models import Hold, HoldQuerySet
from library.members.models import Member
from outbox.folds import FoldedModel, FoldedQuerySet

__all__ = [
    "DutyRun",
    "Hold",
    "HoldQuerySet",
    "Loan",
    "LoanQuerySet",
    "PastLoan",
    "Transit",
    "TransitQuerySet",
]


class DutyRun(models.Model):
    """A duty was done in a slot of time. No fold: when is no fact about lending."""

    name = models.CharField(max_length=40)
    slot = models.DateTimeField()

    class Meta:
        constraints = [
            # Two relays at the same duty.
            models.UniqueConstraint(
                fields=["name", "slot"], name="lending_duty_once_per_slot"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.slot:%Y-%m-%d %H:%M}"


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
    """
    A copy with a member, from a day to a day.

    `returned_at` is when that ended, `outcome` how: returned or lost. `claimed_at`:
    the member says that it came back.
    """

    id = models.UUIDField(primary_key=True)
    copy = models.ForeignKey(Copy, on_delete=models.DO_NOTHING, related_name="loans")
    book = models.ForeignKey(Book, on_delete=models.DO_NOTHING, related_name="loans")
    member = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="loans"
    )
    branch = models.ForeignKey(Branch, on_delete=models.DO_NOTHING, null=True)
    borrowed_at = models.DateTimeField()
    due_at = models.DateTimeField()
    remind_at = models.DateTimeField(null=True)
    renewals = models.PositiveIntegerField(default=0)
    shortened = models.BooleanField(default=False)
    overdue_at = models.DateTimeField(null=True)
    returned_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=10, default="")
    claimed_at = models.DateTimeField(null=True)
    category = models.CharField(max_length=20, default="")
    kind = models.CharField(max_length=20, default="")

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
                fields=["due_at", "branch"],
                condition=models.Q(returned_at__isnull=True),
                name="lending_loan_due",
            ),
            models.Index(
                fields=["returned_at"],
                condition=models.Q(returned_at__isnull=False),
                name="lending_loan_over",
            ),
            models.Index(
                fields=["remind_at"],
                condition=models.Q(returned_at__isnull=True, remind_at__isnull=False),
                name="lending_loan_remind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.copy_id} with {self.member_id}"

    @property
    def calendar(self) -> Calendar:
        """When the branch is open that the copy was borrowed from."""
        return self.branch.calendar if self.branch else ALWAYS_OPEN


class PastLoan(FoldedModel):
    """What is still known of a loan once it is forgotten whose it was."""

    id = models.UUIDField(primary_key=True)
    branch = models.ForeignKey(Branch, on_delete=models.DO_NOTHING, null=True)
    category = models.CharField(max_length=20)
    kind = models.CharField(max_length=20)
    month = models.CharField(max_length=7)

    def __str__(self) -> str:
        return f"{self.kind} in {self.month}"


class TransitQuerySet(FoldedQuerySet["Transit"]):
    """Questions about copies that are under way."""

    def with_holds(self) -> TransitQuerySet:
        """Return the ways with `hold_id`, the hold that each copy is under way for."""
        assigned = Hold.objects.assigned().filter(copy=models.OuterRef("copy"))
        return self.annotate(hold_id=models.Subquery(assigned.values("id")))

    def of_copy(self, copy_id: UUID) -> Transit | None:
        """Return the way a copy is on, if it is on one."""
        return self.filter(copy_id=copy_id).first()


class Transit(FoldedModel):
    """A copy on its way to a branch. One that has arrived has no row."""

    id = models.UUIDField(primary_key=True)
    copy = models.ForeignKey(Copy, on_delete=models.DO_NOTHING)
    from_branch = models.ForeignKey(
        Branch, on_delete=models.DO_NOTHING, null=True, related_name="sent_from"
    )
    to_branch = models.ForeignKey(
        Branch, on_delete=models.DO_NOTHING, related_name="sent_to"
    )
    sent_at = models.DateTimeField()

    objects: ClassVar[TransitQuerySet] = TransitQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            # One copy on two ways.
            models.UniqueConstraint(
                fields=["copy"], name="lending_transit_one_per_copy"
            ),
            # A copy sent to where it is.
            models.CheckConstraint(
                condition=models.Q(from_branch__isnull=True)
                | ~models.Q(from_branch=models.F("to_branch")),
                name="lending_transit_goes_elsewhere",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.copy_id} to {self.to_branch_id}"
