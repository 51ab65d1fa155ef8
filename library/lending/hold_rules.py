"""Who may wait for what, and in which order: pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from library.catalog.calendars import DAY, SECOND, Calendar
from library.lending.hold_refusals import (
    AlreadyOnHold,
    HoldLimit,
    HoldNeedsAnEnd,
    InvalidHold,
    NothingToHold,
)
from library.lending.refusals import (
    AlreadyOnLoanToMember,
    FeeLimit,
    OverdueLimit,
    Restricted,
)
from library.members.rules import Membership
from library.policies.rules import Policy
from library.refusals import Refusal, refuse_for

LONGEST_WAIT = 3_650  # days


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """
    Copies of a book that are alike: by which policy they are lent, and if restricted.

    `overdue`: how many late loans the member has where they are at home or, if it was
    said where, would be picked up.
    """

    policy: Policy
    restricted: bool
    overdue: int

    @property
    def is_lent(self) -> bool:
        """Whether the policy lends such copies at all."""
        return self.policy.loan_days > 0

    @property
    def is_open(self) -> bool:
        """Whether it lends them to this member."""
        return self.is_lent and suits(self.policy, restricted=self.restricted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """
    A book that a member would wait for, for some days or (None) for ever.

    `at_home`: the copy of it they have on loan, and until when.
    """

    membership: Membership
    book_id: UUID
    offers: Sequence[Offer]
    days: int | None
    at_home: tuple[UUID, datetime] | None
    on_hold: bool
    open_holds: int
    balance: int = 0


def suits(
    policy: Policy,
    *,
    restricted: bool,
    copy_id: UUID | None = None,
    wanted: UUID | None = None,
) -> bool:
    """Tell whether a copy may be lent to who waits, for it or (None) for any."""
    allowed = policy.loan_days > 0 and (policy.restricted or not restricted)
    return allowed and wanted in {None, copy_id}


def days_to_wait(policy: Policy, days: int | None, open_ended: bool) -> int | None:
    """
    Return how many days a hold waits: as was asked for, or what the policy says.

    None: for ever. Raises InvalidHold for what cannot be.
    """
    if days is not None and (open_ended or not 1 <= days <= LONGEST_WAIT):
        raise InvalidHold(
            f"A hold waits for 1 to {LONGEST_WAIT} days, or without an end. Say one.",
            field="days",
        )
    return None if open_ended else days or policy.hold_days


def ends_at(calendar: Calendar, days: int | None, now: datetime) -> datetime | None:
    """Return when a hold that begins now is over: with a day; None: never."""
    if days is None:
        return None
    return calendar.end_of(calendar.day_of(now) + timedelta(days=days))


def resumes_at(
    calendar: Calendar, until: date | None, now: datetime
) -> datetime | None:
    """Return the first moment of the day on which a hold goes on; None: unknown."""
    if until is None:
        return None
    if until <= calendar.day_of(now):
        raise InvalidHold(
            f"{until} is not to come. Give a later day, or none.", field="until"
        )
    return calendar.end_of(until - DAY) + SECOND


def holds_left(policy: Policy, open_holds: int) -> int | None:
    """Return how many more may be placed after one more; None: any number."""
    return None if policy.hold_limit is None else policy.hold_limit - open_holds - 1


def check_may_hold(policy: Policy, wish: Wish, today: date) -> None:
    """Refuse with every reason that applies; pass where none does."""
    refuse_for(_against(policy, wish, today))


def moved(queue: Sequence[UUID], hold_id: UUID, position: int) -> list[UUID]:
    """
    Return the hold at its new place and all that come after it then, in order.

    Raises InvalidHold for a place that the queue does not have.
    """
    if not 1 <= position <= len(queue):
        raise InvalidHold(
            f"The queue has places 1 to {len(queue)}. Give one of these.",
            field="position",
        )
    others = [each for each in queue if each != hold_id]
    return [hold_id, *others[position - 1 :]]


def _against(policy: Policy, wish: Wish, today: date) -> Iterator[Refusal]:
    yield from wish.membership.against(today)
    yield from _against_offers(wish)
    if wish.at_home is not None:
        yield AlreadyOnLoanToMember(*wish.at_home)
    if wish.on_hold:
        yield AlreadyOnHold(wish.book_id)
    if policy.hold_limit is not None and wish.open_holds >= policy.hold_limit:
        yield HoldLimit(wish.open_holds, policy.hold_limit)
    if 0 < policy.fee_limit <= wish.balance:
        yield FeeLimit(wish.balance, policy.fee_limit)
    if wish.days is None and not policy.open_ended:
        yield HoldNeedsAnEnd(policy.name)


def _against_offers(wish: Wish) -> Iterator[Refusal]:
    """Yield why none of the copies there are could be lent to the member."""
    lent = [each for each in wish.offers if each.is_lent]
    open_to_all = [each for each in lent if each.is_open]
    if not lent:
        yield NothingToHold(wish.book_id)
    elif not open_to_all:
        yield Restricted(lent[0].policy.name)
    elif all(map(_is_too_late, open_to_all)):
        first = open_to_all[0]
        yield OverdueLimit(first.overdue, first.policy.overdue_limit)


def _is_too_late(offer: Offer) -> bool:
    return 0 < offer.policy.overdue_limit <= offer.overdue
