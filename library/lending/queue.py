"""
Who waits for a book, and whose turn a copy is.

Whoever asks here to change something holds the lock of the book, and of the copy:
then the queue stands still, and no copy is promised twice.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from library.catalog.models import Copy
from library.catalog.refusals import BranchNeverOpens
from library.lending.events import HoldReady
from library.lending.models import Hold, Loan
from library.policies import policies
from library.policies.rules import Policy


def next_for(copy: Copy, now: datetime) -> HoldReady | None:
    """Return that a free copy is ready for the first who waits and may have it."""
    if copy.condition:
        return None
    for hold in Hold.objects.waiting(copy.book_id).select_related("member"):
        policy = policies.for_loan(copy.branch_id, hold.member.category, copy.kind)
        if policy.loan_days:
            pickup_until = _pickup_until(copy, policy, now)
            if pickup_until is None:
                return None
            return HoldReady(
                hold_id=hold.id,
                book_id=copy.book_id,
                member_id=hold.member_id,
                copy_id=copy.id,
                branch_id=copy.branch_id,
                ready_at=now,
                pickup_until=pickup_until,
                pickup_days=policy.pickup_days,
            )
    return None


def _pickup_until(copy: Copy, policy: Policy, now: datetime) -> datetime | None:
    """Return when pickup ends; None where the branch never opens for it."""
    last_day = copy.calendar.day_of(now) + timedelta(days=policy.pickup_days)
    try:
        return copy.calendar.end_of(copy.calendar.open_day(last_day))
    except BranchNeverOpens:  # a copy comes back all the same, and nobody is told
        return None


def free_copies(book_id: UUID) -> list[Copy]:
    """Return the sound copies that are neither on loan nor set aside, locked."""
    held = Copy.objects.sound().select_for_update(no_key=True, of=("self",))
    copies = list(held.select_related("branch").filter(book=book_id).order_by("id"))
    taken = set(Loan.objects.open().filter(book=book_id).values_list("copy", flat=True))
    taken |= set(
        Hold.objects.ready().filter(book=book_id).values_list("copy", flat=True)
    )
    return [copy for copy in copies if copy.id not in taken]


def wanted_by_others(book_id: UUID) -> int:
    """Return how many wait for a book for whom no copy is free."""
    waiting = Hold.objects.waiting(book_id).count()
    return waiting and max(0, waiting - len(free_copies(book_id)))
