"""Place, cancel and expire holds: wishes for a book, queued."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from library.advance import advance
from library.catalog.calendars import ALWAYS_OPEN, Calendar
from library.catalog.models import Book, Branch, Copy
from library.lending import hold_rules, queue, wishes
from library.lending.hold_events import (
    HoldCancelled,
    HoldExpired,
    HoldPlaced,
    HoldRequeued,
)
from library.lending.hold_refusals import (
    HoldClosed,
    HoldNotOver,
    UnknownHold,
)
from library.lending.models import Hold
from library.members.models import Member
from library.policies import policies
from outbox import gate
from outbox.ids import new_id


@transaction.atomic
def place_hold(
    *,
    book_id: UUID,
    member_id: UUID,
    now: datetime,
    pickup_branch_id: UUID | None = None,
    copy_id: UUID | None = None,
    days: int | None = None,
    open_ended: bool = False,
) -> HoldPlaced:
    """
    Let a member wait for a book; a copy that is free is set aside at once.

    With a pickup branch it is sent there first; without, it waits where it is. With a
    copy, for this very one. For so many days, for ever, or as long as the policy says.

    Locks the member, the book, then its copies. Raises UnknownMember,
    UnknownBook, UnknownCopy, UnknownBranch, BranchNeverOpens, InvalidHold, and, with
    all reasons that apply, MemberExpired, MemberBlocked, NothingToHold, Restricted,
    OverdueLimit, AlreadyOnLoanToMember, AlreadyOnHold, HoldLimit, FeeLimit or
    HoldNeedsAnEnd.
    """
    gate.enter()
    member = Member.objects.lock(member_id)
    book = Book.objects.lock(book_id)
    copy = wishes.copy_of(book, copy_id)
    pickup = wishes.branch_of(pickup_branch_id)
    calendar = _calendar(pickup or (copy.branch if copy else None))
    calendar.open_day(calendar.day_of(now))

    policy = policies.for_loan(None, member.category, "")
    days = hold_rules.days_to_wait(policy, days, open_ended)
    wish = wishes.wish(
        member, book, policy, copy=copy, pickup=pickup, days=days, now=now
    )
    hold_rules.check_may_hold(policy, wish, calendar.day_of(now))

    placed = HoldPlaced(
        hold_id=new_id(),
        book_id=book.id,
        member_id=member.id,
        placed_at=now,
        number=next_number(book.id),
        hold_limit=policy.hold_limit,
        policy=policy.name,
        policy_version=policy.version,
        pickup_branch_id=pickup_branch_id,
        copy_id=copy_id,
        ends_at=hold_rules.ends_at(calendar, days, now),
        holds_left=hold_rules.holds_left(policy, wish.open_holds),
    )
    advance(placed)
    hand_out(book_id=book.id, now=now)
    return placed


@transaction.atomic
def cancel_hold(*, hold_id: UUID, now: datetime) -> HoldCancelled:
    """
    Wait no longer; the copy that was set aside is the next member's.

    Locks the book, then the copy. Raises UnknownHold and HoldClosed.
    """
    gate.enter()
    hold = open_and_held(hold_id)
    cancelled = HoldCancelled(
        hold_id=hold.id,
        book_id=hold.book_id,
        member_id=hold.member_id,
        copy_id=hold.copy_id if hold.ready_at else None,
        cancelled_at=now,
    )
    advance(cancelled)
    hand_on(hold, now)
    return cancelled


@transaction.atomic
def expire_hold(*, hold_id: UUID, now: datetime) -> HoldExpired:
    """
    End a hold whose time is over; a copy that nobody came for is the next member's.

    Locks the book, then the copy. Raises UnknownHold, HoldClosed, and HoldNotOver
    for one that may still be picked up, is under way, or waits longer.
    """
    gate.enter()
    hold = open_and_held(hold_id)
    if hold.end is None or hold.end >= now:
        raise HoldNotOver(hold.id, hold.end)
    expired = HoldExpired(
        hold_id=hold.id,
        book_id=hold.book_id,
        member_id=hold.member_id,
        copy_id=hold.copy_id,
        expired_at=now,
    )
    advance(expired)
    hand_on(hold, now)
    return expired


@transaction.atomic
def hand_out(*, book_id: UUID, now: datetime) -> None:
    """
    Set the free copies of a book aside for those who wait, or send them there.

    One that is at the pickup branch goes before others. Locks the book.
    """
    gate.enter()
    Book.objects.lock(book_id)
    free = queue.free_copies(book_id)
    if not free:
        return
    waiting = Hold.objects.in_turn(book_id, now)
    for hold in waiting.select_related("member", "pickup_branch"):
        nearest = sorted(free, key=lambda copy: copy.branch_id != hold.pickup_branch_id)
        for copy in nearest:
            if handed := queue.hand_over(copy, hold, copy.branch, now):
                advance(handed)
                free.remove(copy)
                break


def hand_on(hold: Hold, now: datetime) -> None:
    """Pass on the copy that was set aside for a hold; its book and it are locked."""
    if hold.copy_id is not None and hold.ready_at is not None:
        put_away(Copy.objects.lock(hold.copy_id), hold.branch, now)


def take_back(copy_id: UUID, now: datetime) -> None:
    """Let whoever was to have a copy wait again; its book and it are locked."""
    hold = Hold.objects.assigned().filter(copy=copy_id).first()
    if hold is not None:
        advance(
            HoldRequeued(
                hold_id=hold.id,
                book_id=hold.book_id,
                member_id=hold.member_id,
                copy_id=hold.copy_id if hold.ready_at else None,
                requeued_at=now,
            )
        )


def put_away(copy: Copy, at: Branch | None, now: datetime) -> None:
    """Set a copy that came free aside, or send it away; its book and it are locked."""
    if handed := queue.next_for(copy, at, now):
        advance(handed)


def open_and_held(hold_id: UUID) -> Hold:
    """Return an open hold as it stands once its book and copy are locked."""
    known = Hold.objects.filter(id=hold_id).first()
    if known is None:
        raise UnknownHold(hold_id)
    if known.closed_at is None:
        Book.objects.lock(known.book_id)
    branches = ("branch", "pickup_branch", "wanted_copy__branch")
    hold = Hold.objects.select_related(*branches).get(id=hold_id)
    if hold.closed_at is not None:
        raise HoldClosed(hold_id, hold.outcome)
    if hold.copy_id is not None:
        Copy.objects.lock(hold.copy_id)
    return hold


def next_number(book_id: UUID) -> int:
    """Return the number after all that a book's holds ever had."""
    last: int | None = Hold.objects.filter(book=book_id).aggregate(n=Max("number"))["n"]
    return (last or 0) + 1


def _calendar(branch: Branch | None) -> Calendar:
    return branch.calendar if branch else ALWAYS_OPEN
