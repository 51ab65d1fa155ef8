"""Lending as it stands now. Written by `state.py` alone."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.db import models

from library.catalog.models import Book, Copy
from library.members.models import Member
from outbox.folds import FoldedModel, FoldedQuerySet


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
    borrowed_at = models.DateTimeField()
    due_at = models.DateTimeField()
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
