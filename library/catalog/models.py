"""The catalogue as it stands now. Written by `state.py` alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models

from library.catalog.calendars import ALWAYS_OPEN, Calendar
from library.catalog.refusals import UnknownBook, UnknownBranch, UnknownCopy
from outbox.folds import FoldedModel, FoldedQuerySet


class BranchQuerySet(FoldedQuerySet["Branch"]):
    """Questions about branches."""

    def lock(self, branch_id: UUID) -> Branch:
        """Return a branch, locked until the transaction ends."""
        found = self.locked(branch_id)
        if found is None:
            raise UnknownBranch(branch_id)
        return found


class BookQuerySet(FoldedQuerySet["Book"]):
    """Questions about books."""

    def live(self) -> BookQuerySet:
        """Return the books that were not withdrawn."""
        return self.filter(withdrawn_at__isnull=True)

    def lock(self, book_id: UUID) -> Book:
        """Return a live book, locked until the transaction ends."""
        book = self.locked(book_id)
        if book is None or book.withdrawn_at is not None:
            raise UnknownBook(book_id)
        return book

    def lock_all(self, ids: Iterable[UUID]) -> list[Book]:
        """Return those that are there, locked one after the other by their ids."""
        held = self.filter(id__in=set(ids)).order_by("id")
        return list(held.select_for_update(no_key=True))


class CopyQuerySet(FoldedQuerySet["Copy"]):
    """Questions about copies."""

    def live(self) -> CopyQuerySet:
        """Return the copies that are still in stock."""
        return self.filter(removed_at__isnull=True)

    def sound(self) -> CopyQuerySet:
        """Return the copies in stock that are neither missing nor damaged nor lost."""
        return self.live().filter(condition="")

    def lock(self, copy_id: UUID) -> Copy:
        """Return a copy in stock, locked until the transaction ends."""
        copy = self.locked(copy_id, related="branch")
        if copy is None or copy.removed_at is not None:
            raise UnknownCopy(copy_id)
        return copy

    def lock_all(self, ids: Iterable[UUID]) -> list[Copy]:
        """Return those that are there, locked one after the other by their ids."""
        held = self.filter(id__in=set(ids)).order_by("id")
        return list(held.select_for_update(no_key=True))


class Branch(FoldedModel):
    """A house of the library, with clocks and closed days of its own."""

    id = models.UUIDField(primary_key=True)
    name = models.CharField(max_length=200)
    time_zone = models.CharField(max_length=60)
    closed_weekdays = ArrayField(models.PositiveSmallIntegerField())
    closed_on = ArrayField(models.DateField())
    described_at = models.DateTimeField()

    objects: ClassVar[BranchQuerySet] = BranchQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name_plural = "branches"
        constraints = [
            # Two branches that nobody at the desk can tell apart.
            models.UniqueConstraint(fields=["name"], name="catalog_branch_name"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def calendar(self) -> Calendar:
        """When it is open."""
        return Calendar(
            time_zone=self.time_zone,
            closed_weekdays=frozenset(self.closed_weekdays),
            closed_on=frozenset(self.closed_on),
        )


class Book(FoldedModel):
    """A title-level record: one edition. A withdrawn one keeps its row."""

    id = models.UUIDField(primary_key=True)
    title = models.TextField()
    authors = ArrayField(models.TextField())
    isbn13 = models.CharField(max_length=13, null=True)  # noqa: DJ001 - unique
    isbn_given = models.CharField(max_length=32, default="")
    language = models.CharField(max_length=16, default="")
    year = models.SmallIntegerField(null=True)
    subjects = ArrayField(models.TextField(), default=list)
    source_key = models.CharField(max_length=200, null=True)  # noqa: DJ001 - unique
    created_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)

    objects: ClassVar[BookQuerySet] = BookQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            # One edition catalogued twice; a withdrawn one may come back.
            models.UniqueConstraint(
                fields=["isbn13"],
                condition=models.Q(withdrawn_at__isnull=True),
                name="catalog_book_isbn13_live",
            ),
            # The same line of a file imported twice.
            models.UniqueConstraint(
                fields=["source_key"], name="catalog_book_source_key"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Copy(FoldedModel):
    """The thing with a barcode."""

    id = models.UUIDField(primary_key=True)
    book = models.ForeignKey(Book, on_delete=models.DO_NOTHING, related_name="copies")
    branch = models.ForeignKey(Branch, on_delete=models.DO_NOTHING, null=True)
    kind = models.CharField(max_length=20)
    barcode = models.CharField(max_length=64)
    restricted = models.BooleanField(default=False)
    price = models.PositiveBigIntegerField(null=True)
    condition = models.CharField(max_length=10, default="")
    added_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    objects: ClassVar[CopyQuerySet] = CopyQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name_plural = "copies"
        constraints = [
            # Two things that answer to one scan.
            models.UniqueConstraint(
                fields=["barcode"],
                condition=models.Q(removed_at__isnull=True),
                name="catalog_copy_barcode_live",
            ),
        ]

    def __str__(self) -> str:
        return self.barcode

    @property
    def calendar(self) -> Calendar:
        """When its branch is open; without one, every day, by UTC."""
        return self.branch.calendar if self.branch else ALWAYS_OPEN
