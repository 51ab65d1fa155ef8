"""Holds as they stand now. Written by `state.py` alone."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.db import models

from library.catalog.calendars import ALWAYS_OPEN, Calendar
from library.catalog.models import Book, Branch, Copy
from library.members.models import Member
from outbox.folds import FoldedModel, FoldedQuerySet


class HoldQuerySet(FoldedQuerySet["Hold"]):
    """Questions about holds."""

    def open(self) -> HoldQuerySet:
        """Return the holds that somebody still waits with."""
        return self.filter(closed_at__isnull=True)

    def assigned(self) -> HoldQuerySet:
        """Return the holds for which a copy is set aside, or under way."""
        return self.open().filter(copy__isnull=False)

    def ready(self) -> HoldQuerySet:
        """Return the holds for which a copy is set aside."""
        return self.assigned().filter(pickup_until__isnull=False)

    def waiting(self, book_id: UUID) -> HoldQuerySet:
        """Return the holds whose turn has not come, in their order."""
        queue = self.open().filter(book=book_id, copy__isnull=True)
        return queue.order_by("number")

    def in_turn(self, book_id: UUID, now: datetime) -> HoldQuerySet:
        """Return those who wait and want the book now: not suspended, not at an end."""
        return (
            self.waiting(book_id)
            .exclude(ends_at__lt=now)
            .filter(suspended_at__isnull=True)
        )

    def with_positions(self) -> HoldQuerySet:
        """Return the holds with their `position` in the queue, None if not in one."""
        queue = Hold.objects.open().filter(
            book=models.OuterRef("book"),
            copy__isnull=True,
            number__lte=models.OuterRef("number"),
        )
        counted = queue.order_by().values("book").annotate(n=models.Count("*"))
        waits = models.Q(closed_at__isnull=True, copy__isnull=True)
        return self.annotate(
            position=models.Case(
                models.When(waits, then=models.Subquery(counted.values("n"))),
                output_field=models.IntegerField(null=True),
            )
        )


class Hold(FoldedModel):
    """
    A member's wish for a book: in its queue, then ready, then over.

    `pickup_branch` is where the copy is wanted, `branch` where it waits once ready;
    while it is under way to there, the hold has a copy and is not ready.

    `wanted_copy` is the very copy that is waited for, if it is one, `ends_at` until
    when at most (None: for ever). A suspended one keeps its place, until `resumes_at`
    if that is known, and is passed over. `holds_left` says how many more the member
    could place after this one; None: any number.
    """

    id = models.UUIDField(primary_key=True)
    book = models.ForeignKey(Book, on_delete=models.DO_NOTHING, related_name="holds")
    member = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="holds"
    )
    number = models.PositiveIntegerField()
    placed_at = models.DateTimeField()
    wanted_copy = models.ForeignKey(
        Copy, on_delete=models.DO_NOTHING, null=True, related_name="wanted_by"
    )
    ends_at = models.DateTimeField(null=True)
    suspended_at = models.DateTimeField(null=True)
    resumes_at = models.DateTimeField(null=True)
    holds_left = models.PositiveIntegerField(null=True)
    pickup_branch = models.ForeignKey(
        Branch, on_delete=models.DO_NOTHING, null=True, related_name="wanted_here"
    )
    copy = models.ForeignKey(Copy, on_delete=models.DO_NOTHING, null=True)
    branch = models.ForeignKey(Branch, on_delete=models.DO_NOTHING, null=True)
    ready_at = models.DateTimeField(null=True)
    pickup_until = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=10, default="")

    objects: ClassVar[HoldQuerySet] = HoldQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            # One member twice in a queue.
            models.UniqueConstraint(
                fields=["book", "member"],
                condition=models.Q(closed_at__isnull=True),
                name="lending_hold_one_open_per_member_and_book",
            ),
            # One copy set aside for two.
            models.UniqueConstraint(
                fields=["copy"],
                condition=models.Q(closed_at__isnull=True),
                name="lending_hold_one_open_per_copy",
            ),
            # Two whose turn it is at once.
            models.UniqueConstraint(
                fields=["book", "number"], name="lending_hold_number"
            ),
            # A copy that is set aside for ever, and a hold that is ready without one.
            models.CheckConstraint(
                condition=models.Q(ready_at__isnull=True, pickup_until__isnull=True)
                | models.Q(
                    copy__isnull=False,
                    ready_at__isnull=False,
                    pickup_until__isnull=False,
                ),
                name="lending_hold_ready_has_an_end",
            ),
            # A copy set aside for who does not want it now, or waiting for nobody.
            models.CheckConstraint(
                condition=models.Q(suspended_at__isnull=True, resumes_at__isnull=True)
                | models.Q(suspended_at__isnull=False, copy__isnull=True),
                name="lending_hold_suspended_has_no_copy",
            ),
            # Another copy set aside than the very one that was asked for.
            models.CheckConstraint(
                condition=models.Q(copy__isnull=True)
                | models.Q(wanted_copy__isnull=True)
                | models.Q(copy=models.F("wanted_copy")),
                name="lending_hold_the_wanted_copy",
            ),
        ]
        indexes = [
            models.Index(
                fields=["pickup_until"],
                condition=models.Q(closed_at__isnull=True),
                name="lending_hold_pickup",
            ),
            models.Index(
                fields=["ends_at"],
                condition=models.Q(closed_at__isnull=True),
                name="lending_hold_ends",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.book_id} for {self.member_id}"

    @property
    def status(self) -> str:
        """What has become of it: from waiting to ready, or how it ended."""
        if self.outcome:
            return self.outcome
        if self.copy_id is None:
            return "suspended" if self.suspended_at else "waiting"
        return "ready" if self.ready_at else "in_transit"

    @property
    def end(self) -> datetime | None:
        """When it is over if nothing happens; None: never, or once it is ready."""
        return self.ends_at if self.copy_id is None else self.pickup_until

    @property
    def calendar(self) -> Calendar:
        """By whose clocks its days end: of where it is wanted, or UTC."""
        branch = self.pickup_branch or (self.wanted_copy and self.wanted_copy.branch)
        return branch.calendar if branch else ALWAYS_OPEN
