"""
Who waits for a book, and whose turn a copy is.

Whoever asks here to change something holds the lock of the book, and of the copy:
then the queue stands still, and no copy is promised twice.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from library.catalog.calendars import ALWAYS_OPEN
from library.catalog.models import Branch, Copy
from library.catalog.refusals import BranchNeverOpens
from library.lending import hold_rules
from library.lending.copy_events import CopySent
from library.lending.hold_events import HoldReady
from library.lending.models import Hold, Loan, Transit
from library.policies import policies
from library.policies.rules import Policy
from outbox.ids import new_id

Handed = HoldReady | CopySent


def next_for(copy: Copy, at: Branch | None, now: datetime) -> Handed | None:
    """
    Return where a free copy goes from a branch: None, where it stays on the shelf.

    To the first who waits and may have it, there or under way, or else home. One that
    is marked stays with who has it in hand.
    """
    if copy.condition:
        return None
    waiting = Hold.objects.in_turn(copy.book_id, now)
    for hold in waiting.select_related("member", "pickup_branch"):
        if handed := hand_over(copy, hold, at, now):
            return handed
    return _sent(copy, at, copy.branch, None, now)


def hand_over(
    copy: Copy, hold: Hold, at: Branch | None, now: datetime
) -> Handed | None:
    """
    Return that a copy is ready for a hold, or under way to where it is wanted.

    None where the member may not have it, or where nobody could ever pick it up.
    """
    policy = policies.for_loan(copy.branch_id, hold.member.category, copy.kind)
    to = hold.pickup_branch or at
    pickup_until = _pickup_until(to, policy, now)
    if pickup_until is None or not _suits(policy, copy, hold):
        return None
    return _sent(copy, at, to, hold, now) or HoldReady(
        hold_id=hold.id,
        book_id=copy.book_id,
        member_id=hold.member_id,
        copy_id=copy.id,
        branch_id=to.id if to else None,
        ready_at=now,
        pickup_until=pickup_until,
        pickup_days=policy.pickup_days,
    )


def _sent(
    copy: Copy, at: Branch | None, to: Branch | None, hold: Hold | None, now: datetime
) -> CopySent | None:
    """Return that a copy is under way; None where it is there, or has nowhere to go."""
    if to is None or to == at:
        return None
    return CopySent(
        transit_id=new_id(),
        copy_id=copy.id,
        book_id=copy.book_id,
        from_branch_id=at.id if at else None,
        to_branch_id=to.id,
        hold_id=hold.id if hold else None,
        member_id=hold.member_id if hold else None,
        sent_at=now,
    )


def _pickup_until(
    branch: Branch | None, policy: Policy, now: datetime
) -> datetime | None:
    """Return when pickup ends; None where the branch never opens for it."""
    calendar = branch.calendar if branch else ALWAYS_OPEN
    last_day = calendar.day_of(now) + timedelta(days=policy.pickup_days)
    try:
        return calendar.end_of(calendar.open_day(last_day))
    except BranchNeverOpens:  # a copy comes back all the same, and nobody is told
        return None


def free_copies(book_id: UUID) -> list[Copy]:
    """Return the sound copies that stand on their shelves at home, locked."""
    held = Copy.objects.sound().select_for_update(no_key=True, of=("self",))
    copies = list(held.select_related("branch").filter(book=book_id).order_by("id"))
    taken = set(Loan.objects.open().filter(book=book_id).values_list("copy", flat=True))
    taken |= set(
        Hold.objects.assigned().filter(book=book_id).values_list("copy", flat=True)
    )
    under_way = Transit.objects.filter(copy__book=book_id)
    taken |= set(under_way.values_list("copy", flat=True))
    return [copy for copy in copies if copy.id not in taken]


def wanted_by_others(loan: Loan, now: datetime) -> int:
    """
    Return how many others want the copy of a loan, and could not have another.

    The free copies are given, as they would be, to whoever comes first.
    """
    waiting = list(
        Hold.objects.in_turn(loan.book_id, now)
        .exclude(member=loan.member_id)
        .select_related("member", "pickup_branch")
    )
    free = free_copies(loan.book_id) if waiting else []
    wanted = 0
    for hold in waiting:
        given = next((copy for copy in free if _may_have(copy, hold, now)), None)
        if given is not None:
            free.remove(given)
        else:
            wanted += _may_have(loan.copy, hold, now)
    return wanted


def _may_have(copy: Copy, hold: Hold, now: datetime) -> bool:
    policy = policies.for_loan(copy.branch_id, hold.member.category, copy.kind)
    pickup_until = _pickup_until(hold.pickup_branch, policy, now)
    return pickup_until is not None and _suits(policy, copy, hold)


def _suits(policy: Policy, copy: Copy, hold: Hold) -> bool:
    return hold_rules.suits(
        policy,
        restricted=copy.restricted,
        copy_id=copy.id,
        wanted=hold.wanted_copy_id,
    )
