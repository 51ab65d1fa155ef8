"""The read models that count: of members, of days, of titles."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models

from outbox.folds import FoldedModel, FoldedQuerySet


class Profile(FoldedModel):
    """
    A member in numbers. The name stands with the user, and is joined when asked for.

    `overdue` are the loans that are late, by their ids: a renewal does not say whether
    it was one of them. `balance` is owed, in the smallest unit of money there is; below
    zero it is a credit.
    """

    member_id = models.UUIDField(primary_key=True)
    category = models.CharField(max_length=40)
    registered_at = models.DateTimeField()
    books_borrowed = models.PositiveIntegerField(default=0)
    open_loans = models.PositiveIntegerField(default=0)
    open_holds = models.PositiveIntegerField(default=0)
    overdue = ArrayField(models.UUIDField(), default=list)
    balance = models.BigIntegerField(default=0)

    class Meta:
        db_table = "profiles"

    def __str__(self) -> str:
        return f"{self.member_id}: {self.books_borrowed}"


class ActivityQuerySet(FoldedQuerySet["Activity"]):
    """Questions about how much was lent."""

    def between(
        self,
        first: date | None,
        last: date | None,
        branch: UUID | None = None,
        category: str | None = None,
    ) -> ActivityQuerySet:
        """Return what was lent from a day to a day, the latest first."""
        rows = self.order_by("-day", "key")
        if first:
            rows = rows.filter(day__gte=first)
        if last:
            rows = rows.filter(day__lte=last)
        if branch:
            rows = rows.filter(branch_id=branch)
        return rows.filter(category=category) if category is not None else rows


class Activity(FoldedModel):
    """How many loans a branch made to a category of members on a day, by UTC."""

    key = models.TextField(primary_key=True)
    day = models.DateField()
    branch_id = models.UUIDField(null=True)
    category = models.CharField(max_length=40)
    loans = models.PositiveIntegerField(default=0)

    objects: ClassVar[ActivityQuerySet] = ActivityQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        db_table = "activity"
        verbose_name_plural = "activity"
        indexes = [models.Index(fields=["-day", "key"], name="activity_day")]

    def __str__(self) -> str:
        return f"{self.key}: {self.loans}"


class TitleLentQuerySet(FoldedQuerySet["TitleLent"]):
    """Questions about what is read most."""

    def most(self, first: date | None, last: date | None) -> models.QuerySet[Any]:
        """Return books by how often they were lent from a month to a month."""
        rows = self.all()
        if first:
            rows = rows.filter(month__gte=first.replace(day=1))
        if last:
            rows = rows.filter(month__lte=last)
        counted = rows.values("book_id").annotate(lent=models.Sum("loans"))
        return counted.order_by("-lent", "book_id")


class TitleLent(FoldedModel):
    """How often a book was lent in a month, by UTC; `month` is its first day."""

    key = models.TextField(primary_key=True)
    month = models.DateField()
    book_id = models.UUIDField()
    loans = models.PositiveIntegerField(default=0)

    objects: ClassVar[TitleLentQuerySet] = TitleLentQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        db_table = "titles_lent"
        verbose_name_plural = "titles lent"
        indexes = [models.Index(fields=["month"], name="titles_lent_month")]

    def __str__(self) -> str:
        return f"{self.key}: {self.loans}"
