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

    def counted(self, branch_id: UUID | None, now: datetime) -> tuple[int, int]:
        """Return how many are open, and how many of a branch's of these are late."""
        late = models.Q(due_at__lt=now, branch=branch_id)
        if branch_id is None:
            late = models.Q(due_at__lt=now, branch__isnull=True)
        counts = self.open().aggregate(
            open=models.Count("id"), late=models.Count("id", filter=late)
        )
        return counts["open"], counts["late"]

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
    shortened = models.BooleanField(default=False)
    overdue_at = models.DateTimeField(null=True)
    returned_at = models.DateTimeField(null=True)
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
                fields=["due_at"],
                condition=models.Q(returned_at__isnull=True),
                name="lending_loan_due",
            ),
            models.Index(
                fields=["returned_at"],
                condition=models.Q(returned_at__isnull=False),
                name="lending_loan_over",
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
    """

    id = models.UUIDField(primary_key=True)
    book = models.ForeignKey(Book, on_delete=models.DO_NOTHING, related_name="holds")
    member = models.ForeignKey(
        Member, on_delete=models.DO_NOTHING, related_name="holds"
    )
    number = models.PositiveIntegerField()
    placed_at = models.DateTimeField()
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
        ]
        indexes = [
            models.Index(
                fields=["pickup_until"],
                condition=models.Q(closed_at__isnull=True),
                name="lending_hold_pickup",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.book_id} for {self.member_id}"

    @property
    def status(self) -> str:
        """What has become of it: waiting, in_transit, ready, or how it ended."""
        if self.outcome or self.copy_id is None:
            return self.outcome or "waiting"
        return "ready" if self.ready_at else "in_transit"


class TransitQuerySet(FoldedQuerySet["Transit"]):
    """Questions about copies that are under way."""

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
