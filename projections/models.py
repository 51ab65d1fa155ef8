"""
The read models.

A read model's table is named for the question it answers: that is also its name
for `rebuild_projections` and `verify_projections`. Those that count stand in
`tallies.py`, those of the search in `search_models.py`; how far each has read, in
`checkpoints.py`.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from django.db import models

from outbox.folds import FoldedModel, FoldedQuerySet
from projections.checkpoints import Checkpoint, Quarantined
from projections.search_models import FacetValue, Searchable, Word
from projections.tallies import Activity, Profile, TitleLent

__all__ = [
    "Activity",
    "Availability",
    "Checkpoint",
    "DueLoan",
    "FacetValue",
    "Place",
    "Profile",
    "Quarantined",
    "Searchable",
    "Shelf",
    "Stock",
    "TitleLent",
    "Word",
]


class AvailabilityQuerySet(FoldedQuerySet["Availability"]):
    """Questions about what can be borrowed."""

    def live(self) -> AvailabilityQuerySet:
        """Return the books that were not withdrawn."""
        return self.filter(withdrawn_at__isnull=True)

    def on_shelf(self) -> AvailabilityQuerySet:
        """Return the books of which a copy can be borrowed now."""
        return self.live().filter(
            copies__gt=models.F("on_loan")
            + models.F("set_aside")
            + models.F("in_transit")
            + models.F("marked")
        )


class Availability(FoldedModel):
    """
    How many copies of a book there are, and how many are out or set aside.

    Copies `in_transit` are under way to a branch, `marked` ones are missing, damaged
    or lost: of none of these is it said that it can be borrowed.
    """

    book_id = models.UUIDField(primary_key=True)
    title = models.TextField()
    copies = models.PositiveIntegerField(default=0)
    on_loan = models.PositiveIntegerField(default=0)
    set_aside = models.PositiveIntegerField(default=0)
    in_transit = models.PositiveIntegerField(default=0)
    marked = models.PositiveIntegerField(default=0)
    withdrawn_at = models.DateTimeField(null=True)

    objects: ClassVar[AvailabilityQuerySet] = AvailabilityQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        db_table = "availability"
        verbose_name_plural = "availability"
        constraints = [
            # More copies out, set aside, under way or marked than there are: an
            # event was missed or came twice.
            models.CheckConstraint(
                condition=models.Q(
                    copies__gte=models.F("on_loan")
                    + models.F("set_aside")
                    + models.F("in_transit")
                    + models.F("marked")
                ),
                name="availability_on_loan_within_copies",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title}: {self.available} of {self.copies}"

    @property
    def available(self) -> int:
        """How many copies can be borrowed now."""
        taken = self.on_loan + self.set_aside + self.in_transit + self.marked
        return int(self.copies - taken)


class Place(StrEnum):
    """Where a copy can be, unless it is marked as missing, damaged or lost."""

    SHELF = "shelf"
    LOAN = "loan"
    SET_ASIDE = "set_aside"
    IN_TRANSIT = "in_transit"


class Stock(FoldedModel):
    """A copy, to which branch it belongs, and where it is."""

    copy_id = models.UUIDField(primary_key=True)
    book_id = models.UUIDField()
    branch_id = models.UUIDField(null=True)
    place = models.CharField(max_length=20)

    class Meta:
        db_table = "stock"
        verbose_name_plural = "stock"
        indexes = [
            # Found by book alone, without a look at the rows: a search asks for many.
            models.Index(
                fields=["book_id"], include=["branch_id", "place"], name="stock_book"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.copy_id}: {self.place}"


class ShelfQuerySet(FoldedQuerySet["Shelf"]):
    """Questions about what a member has, and had."""

    def at_home(self, member_id: UUID) -> ShelfQuerySet:
        """Return what a member has at home, what is due first first."""
        mine = self.filter(member_id=member_id, returned_at__isnull=True)
        return mine.order_by("due_at", "loan_id")

    def history(self, member_id: UUID) -> ShelfQuerySet:
        """Return what a member has brought back, the latest first."""
        mine = self.filter(member_id=member_id, returned_at__isnull=False)
        return mine.order_by("-returned_at", "loan_id")


class Shelf(FoldedModel):
    """A loan as its member sees it: at home, or brought back, or (over too) lost."""

    loan_id = models.UUIDField(primary_key=True)
    member_id = models.UUIDField()
    copy_id = models.UUIDField()
    book_id = models.UUIDField()
    borrowed_at = models.DateTimeField()
    due_at = models.DateTimeField()
    returned_at = models.DateTimeField(null=True)
    lost = models.BooleanField(default=False)

    objects: ClassVar[ShelfQuerySet] = ShelfQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        db_table = "shelves"
        verbose_name_plural = "shelves"
        indexes = [
            models.Index(fields=["member_id", "returned_at"], name="shelves_member"),
        ]

    def __str__(self) -> str:
        return f"{self.copy_id} with {self.member_id}"


class DueLoanQuerySet(FoldedQuerySet["DueLoan"]):
    """Questions about what has to come back."""

    def overdue(self, now: datetime) -> DueLoanQuerySet:
        """Return the loans whose time is over, the longest overdue first."""
        return self.filter(due_at__lt=now).order_by("due_at", "loan_id")


class DueLoan(FoldedModel):
    """A copy that has to come back, and when. Returned ones have no row."""

    loan_id = models.UUIDField(primary_key=True)
    member_id = models.UUIDField()
    copy_id = models.UUIDField()
    book_id = models.UUIDField()
    due_at = models.DateTimeField()

    objects: ClassVar[DueLoanQuerySet] = DueLoanQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        db_table = "due_loans"
        indexes = [models.Index(fields=["due_at"], name="due_loans_due")]

    def __str__(self) -> str:
        return f"{self.copy_id} due {self.due_at:%Y-%m-%d}"
