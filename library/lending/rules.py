"""What may be lent to whom, and until when: pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from library.catalog.calendars import Calendar
from library.catalog.refusals import BranchNeverOpens
from library.lending.copy_refusals import (
    MarkedCopy,
    ReturnedByClaim,
    ReturnedTooEarly,
)
from library.lending.date_refusals import InvalidDueDate
from library.lending.refusals import (
    AlreadyOnLoanToMember,
    CopyOnLoan,
    FeeLimit,
    LoanLimit,
    NoGain,
    NotForLoan,
    OnHoldForOther,
    OverdueLimit,
    RenewalsUsed,
    Restricted,
    TooSoon,
)
from library.members.rules import Membership
from library.policies.rules import Policy
from library.refusals import Refusal, refuse_for

LONGEST_LOAN = timedelta(days=3_650)


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyStanding:
    """
    Where a copy is: with whom and until when, or here (None).

    `kept_for` is the member for whom it is set aside, `condition` what is wrong
    with it.
    """

    copy_id: UUID
    borrower_id: UUID | None = None
    due_at: datetime | None = None
    kept_for: UUID | None = None
    condition: str = ""
    restricted: bool = False


class Due(NamedTuple):
    """When a loan ends, and whether that is because the membership does."""

    at: datetime
    shortened: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanStanding:
    """
    An open loan: which copy, until when, how often it was renewed.

    `wanted_by_others` says how many wait for whom no other copy is free, `claimed`
    whether its member says that it came back.
    """

    membership: Membership
    copy_id: UUID
    due_at: datetime
    renewals: int
    wanted_by_others: int = 0
    claimed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberStanding:
    """What a member has on loan, what of it is overdue at the branch, what is owed."""

    membership: Membership
    open_loans: int
    overdue: int
    balance: int = 0


def check_may_borrow(
    policy: Policy, member: MemberStanding, copy: CopyStanding, today: date
) -> None:
    """Refuse with every reason that applies; pass where none does."""
    refuse_for(_reasons(policy, member, copy, today))


def due_date(
    policy: Policy, calendar: Calendar, now: datetime, ends_on: date | None = None
) -> Due:
    """
    Return when a loan that starts now ends: with an open day at the branch.

    With a last one before the membership ends, `ends_on`, where that comes sooner;
    where the branch is closed until then, with that day. Raises BranchNeverOpens.
    """
    today = calendar.day_of(now)
    return _due(calendar, today + timedelta(days=policy.loan_days), today, ends_on)


def check_may_renew(
    policy: Policy, calendar: Calendar, loan: LoanStanding, now: datetime
) -> None:
    """Refuse with every reason that applies; pass where none does."""
    refuse_for(_against_renewal(policy, calendar, loan, now))


def renewed_due_date(
    policy: Policy, calendar: Calendar, loan: LoanStanding, now: datetime
) -> Due:
    """
    Return when a renewed loan ends: counted from its due date, or from now if late.

    Raises BranchNeverOpens.
    """
    ends_on = loan.membership.expires_on
    return due_date(policy, calendar, max(loan.due_at, now), ends_on)


def returned_at(
    loan_id: UUID, borrowed_at: datetime, stated: datetime | None, now: datetime
) -> datetime:
    """
    Return when a loan ended: when it is said it did, but not in times to come.

    Raises ReturnedTooEarly for a time before the loan began.
    """
    ended_at = min(stated or now, now)
    if stated is not None and ended_at < borrowed_at:
        raise ReturnedTooEarly(loan_id, borrowed_at, ended_at)
    return ended_at


def remind_at(
    policy: Policy, calendar: Calendar, due_at: datetime, now: datetime
) -> datetime | None:
    """Return when to say that a loan is due soon, as a day begins; None: never."""
    if not policy.due_soon_days:
        return None
    day = calendar.day_of(due_at) - timedelta(days=policy.due_soon_days)
    begins = calendar.start_of(day)
    return begins if begins > now else None


def changed_due_date(
    calendar: Calendar, due_on: date, now: datetime, ends_on: date | None = None
) -> Due:
    """
    Return when a loan ends that is due on this day, as `due_date` does.

    A membership that is over shortens nothing: the day would be over, too. Raises
    InvalidDueDate for a day that is, or is too far away, and BranchNeverOpens.
    """
    today = calendar.day_of(now)
    if not today <= due_on <= today + LONGEST_LOAN:
        raise InvalidDueDate(due_on)
    going_on = ends_on if ends_on and ends_on >= today else None
    return _due(calendar, due_on, today, going_on)


def _due(calendar: Calendar, day: date, today: date, ends_on: date | None) -> Due:
    day = calendar.open_day(day)
    if ends_on is None or day <= ends_on:
        return Due(calendar.end_of(day), shortened=False)
    last_day = calendar.last_open_day(today, ends_on) or min(today, ends_on)
    return Due(calendar.end_of(last_day), shortened=True)


def _against_renewal(
    policy: Policy, calendar: Calendar, loan: LoanStanding, now: datetime
) -> Iterator[Refusal]:
    today = calendar.day_of(now)
    yield from loan.membership.against(today)
    if not policy.loan_days:
        yield NotForLoan(loan.copy_id, policy.name)
    if loan.claimed:
        yield ReturnedByClaim(loan.copy_id)
    if loan.wanted_by_others:
        yield OnHoldForOther(loan.copy_id)
    if loan.renewals >= policy.renewal_limit:
        yield RenewalsUsed(loan.renewals, policy.renewal_limit)
    yield from _too_soon(policy, calendar, loan, today)
    yield from _no_gain(policy, calendar, loan, now)


def _no_gain(
    policy: Policy, calendar: Calendar, loan: LoanStanding, now: datetime
) -> Iterator[Refusal]:
    ends_on = loan.membership.expires_on
    if not policy.loan_days or ends_on is None or calendar.day_of(now) > ends_on:
        return
    try:
        due = renewed_due_date(policy, calendar, loan, now)
    except BranchNeverOpens as never:  # one reason among the others
        yield never
        return
    if due.at <= loan.due_at:
        yield NoGain(loan.copy_id, ends_on)


def _too_soon(
    policy: Policy, calendar: Calendar, loan: LoanStanding, today: date
) -> Iterator[Refusal]:
    if policy.renewable_days:
        ahead = timedelta(days=policy.renewable_days)
        soonest_on = calendar.day_of(loan.due_at) - ahead
        if today < soonest_on:
            yield TooSoon(soonest_on)


def _reasons(
    policy: Policy, member: MemberStanding, copy: CopyStanding, today: date
) -> Iterator[Refusal]:
    whose = member.membership
    yield from whose.against(today)
    yield from _against_copy(policy, copy)
    if copy.due_at is not None:
        mine = copy.borrower_id == whose.member_id
        on_loan = AlreadyOnLoanToMember if mine else CopyOnLoan
        yield on_loan(copy.copy_id, copy.due_at)
    if copy.kept_for not in {None, whose.member_id}:
        yield OnHoldForOther(copy.copy_id)
    if member.open_loans >= policy.loan_limit:
        yield LoanLimit(member.open_loans, policy.loan_limit)
    if 0 < policy.overdue_limit <= member.overdue:
        yield OverdueLimit(member.overdue, policy.overdue_limit)
    if 0 < policy.fee_limit <= member.balance:
        yield FeeLimit(member.balance, policy.fee_limit)


def _against_copy(policy: Policy, copy: CopyStanding) -> Iterator[Refusal]:
    """Yield why such a copy is not lent to such a member, wherever it is."""
    if not policy.loan_days:
        yield NotForLoan(copy.copy_id, policy.name)
    elif copy.condition:
        yield MarkedCopy(copy.copy_id, copy.condition)
    if copy.restricted and not policy.restricted:
        yield Restricted(policy.name)
