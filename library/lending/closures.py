"""
A day on which something is due is declared closed afterwards: its date moves on.

What has to move is told by the tables and the calendar alone: the open loans and ready
holds of a branch that end on a day that is closed, where the next open one is not over;
no loan moves past the end of its member's membership.
A step moves all of a member's at the branch, in one transaction, so that they are told
once; what is left when a run breaks off is found by the next one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import cast
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from library.advance import advance
from library.catalog.calendars import Calendar
from library.catalog.models import Book, Branch, Copy
from library.catalog.refusals import BranchNeverOpens
from library.lending import due_dates, rules
from library.lending.date_events import CopyDueChanged, HoldExtended
from library.lending.models import Hold, HoldQuerySet, Loan, LoanQuerySet
from outbox import gate
from outbox.ids import new_id

AT_ONCE = 50  # members; for more, the calendar of the branch is locked for too long


def affected(branches: Iterable[Branch], now: datetime) -> Iterator[tuple[UUID, UUID]]:
    """Yield the (branch, member) for whom something ends on a closed day."""
    for branch in branches:
        loans, holds = _ending_when_closed(branch, now)
        members = {*loans.values_list("member", flat=True)}
        members.update(holds.values_list("member", flat=True))
        yield from ((branch.id, member_id) for member_id in sorted(members))


@transaction.atomic
def move(
    *, branch_id: UUID, member_ids: Collection[UUID], now: datetime
) -> list[CopyDueChanged | HoldExtended]:
    """
    Let what ends on a closed day of a branch, of these members, end on the next open.

    Locks the books, then the copies, each by their ids.
    """
    gate.enter()
    branch = Branch.objects.get(id=branch_id)
    loans, holds = _held(branch, member_ids, now)
    notices: defaultdict[UUID, UUID] = defaultdict(new_id)
    facts: list[CopyDueChanged | HoldExtended] = [
        *(_due_later(loan, notices[loan.member_id], now) for loan in loans),
        *(_kept_longer(hold, branch, notices[hold.member_id], now) for hold in holds),
    ]
    if facts:
        advance(*facts)
    return facts


def _due_later(loan: Loan, notice_id: UUID, now: datetime) -> CopyDueChanged:
    due = rules.Due(_next_end(loan.calendar, loan.due_at), shortened=loan.shortened)
    return due_dates.changed_to(
        due, loan, why=due_dates.CLOSED, notice_id=notice_id, now=now
    )


def _kept_longer(
    hold: Hold, branch: Branch, notice_id: UUID, now: datetime
) -> HoldExtended:
    copy_id, until = cast("UUID", hold.copy_id), cast("datetime", hold.pickup_until)
    return HoldExtended(
        hold_id=hold.id,
        book_id=hold.book_id,
        member_id=hold.member_id,
        copy_id=copy_id,
        branch_id=branch.id,
        extended_at=now,
        pickup_before=until,
        pickup_until=_next_end(branch.calendar, until),
        notice_id=notice_id,
    )


def _held(
    branch: Branch, member_ids: Collection[UUID], now: datetime
) -> tuple[Iterable[Loan], Iterable[Hold]]:
    """Return what has to move, as it stands once its books and copies are locked."""
    seen = _ending_when_closed(branch, now, member_ids)
    books = {each for rows in seen for each in rows.values_list("book", flat=True)}
    copies = {each for rows in seen for each in rows.values_list("copy", flat=True)}
    Book.objects.lock_all(books)
    Copy.objects.lock_all(copies)
    loans, holds = _ending_when_closed(branch, now, member_ids)
    known = loans.filter(copy__in=copies).select_related("member", "copy", "branch")
    return known.order_by("id"), holds.filter(copy__in=copies).order_by("id")


def _ending_when_closed(
    branch: Branch, now: datetime, member_ids: Collection[UUID] | None = None
) -> tuple[LoanQuerySet, HoldQuerySet]:
    loans = Loan.objects.open().filter(branch=branch)
    holds = Hold.objects.ready().filter(branch=branch)
    if member_ids is not None:
        loans = loans.filter(member__in=member_ids)
        holds = holds.filter(member__in=member_ids)
    due = _when_closed(branch, loans.values_list("due_at", flat=True).distinct(), now)
    until = holds.values_list("pickup_until", flat=True).distinct()
    return (
        loans.filter(due_at__in=due).exclude(_past_membership(branch.calendar, due)),
        holds.filter(pickup_until__in=_when_closed(branch, until, now)),
    )


def _past_membership(calendar: Calendar, ends: Iterable[datetime]) -> Q:
    """Return which loans would move past the end of a membership: these stay."""
    past = Q(pk__in=[])
    for end in ends:
        last, moved = calendar.day_of(end), calendar.day_of(_next_end(calendar, end))
        ended = Q(member__expires_on__gte=last, member__expires_on__lt=moved)
        past |= Q(due_at=end) & ended
    return past


def _when_closed(
    branch: Branch, ends: Iterable[datetime | None], now: datetime
) -> list[datetime]:
    """Return the ends on closed days that can move: to an open day not over yet."""
    moved = {end: _next_end(branch.calendar, end) for end in ends if end}
    return [end for end, later in moved.items() if later != end and later >= now]


def _next_end(calendar: Calendar, end: datetime) -> datetime:
    """Return an end, moved to the next open day where its own is closed."""
    day = calendar.day_of(end)
    try:
        open_day = calendar.open_day(day)
    except BranchNeverOpens:
        return end
    return end if open_day == day else calendar.end_of(open_day)
