"""What may be lent to whom, and until when: pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from library.catalog.calendars import Calendar
from library.lending.refusals import (
    AlreadyOnHold,
    AlreadyOnLoanToMember,
    CopyOnLoan,
    FeeLimit,
    HoldLimit,
    LoanLimit,
    MarkedCopy,
    NotForLoan,
    NothingToHold,
    OnHoldForOther,
    OverdueLimit,
    RenewalsUsed,
    TooSoon,
)
from library.policies.rules import Policy
from library.refusals import Refusal, refuse_for


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


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanStanding:
    """
    An open loan: which copy, until when, how often it was renewed.

    `wanted_by_others` says how many wait for whom no other copy is free.
    """

    copy_id: UUID
    due_at: datetime
    renewals: int
    wanted_by_others: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """
    A book that a member would wait for.

    `lendable`: there is a copy that could be lent to them; `at_home`: the copy of
    it they have on loan, and until when.
    """

    book_id: UUID
    lendable: bool
    at_home: tuple[UUID, datetime] | None
    on_hold: bool
    open_holds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberStanding:
    """What a member has on loan, what of it is overdue at the branch, what is owed."""

    member_id: UUID
    open_loans: int
    overdue: int
    balance: int = 0


def check_may_borrow(
    policy: Policy, member: MemberStanding, copy: CopyStanding
) -> None:
    """Refuse with every reason that applies; pass where none does."""
    refuse_for(_reasons(policy, member, copy))


def due_date(policy: Policy, calendar: Calendar, now: datetime) -> datetime:
    """
    Return when a loan that starts now ends: with an open day at the branch.

    Raises BranchNeverOpens.
    """
    last_day = calendar.day_of(now) + timedelta(days=policy.loan_days)
    return calendar.end_of(calendar.open_day(last_day))


def check_may_renew(
    policy: Policy, calendar: Calendar, loan: LoanStanding, now: datetime
) -> None:
    """Refuse with every reason that applies; pass where none does."""
    refuse_for(_against_renewal(policy, calendar, loan, now))


def renewed_due_date(
    policy: Policy, calendar: Calendar, loan: LoanStanding, now: datetime
) -> datetime:
    """
    Return when a renewed loan ends: counted from its due date, or from now if late.

    Raises BranchNeverOpens.
    """
    return due_date(policy, calendar, max(loan.due_at, now))


def check_may_hold(policy: Policy, wish: Wish) -> None:
    """Refuse with every reason that applies; pass where none does."""
    refuse_for(_against_hold(policy, wish))


def _against_hold(policy: Policy, wish: Wish) -> Iterator[Refusal]:
    if not wish.lendable:
        yield NothingToHold(wish.book_id)
    if wish.at_home is not None:
        yield AlreadyOnLoanToMember(*wish.at_home)
    if wish.on_hold:
        yield AlreadyOnHold(wish.book_id)
    if policy.hold_limit is not None and wish.open_holds >= policy.hold_limit:
        yield HoldLimit(wish.open_holds, policy.hold_limit)


def _against_renewal(
    policy: Policy, calendar: Calendar, loan: LoanStanding, now: datetime
) -> Iterator[Refusal]:
    if not policy.loan_days:
        yield NotForLoan(loan.copy_id, policy.name)
    if loan.wanted_by_others:
        yield OnHoldForOther(loan.copy_id)
    if loan.renewals >= policy.renewal_limit:
        yield RenewalsUsed(loan.renewals, policy.renewal_limit)
    if policy.renewable_days:
        ahead = timedelta(days=policy.renewable_days)
        soonest_on = calendar.day_of(loan.due_at) - ahead
        if calendar.day_of(now) < soonest_on:
            yield TooSoon(soonest_on)


def _reasons(
    policy: Policy, member: MemberStanding, copy: CopyStanding
) -> Iterator[Refusal]:
    if not policy.loan_days:
        yield NotForLoan(copy.copy_id, policy.name)
    elif copy.condition:
        yield MarkedCopy(copy.copy_id, copy.condition)
    if copy.due_at is not None:
        mine = copy.borrower_id == member.member_id
        on_loan = AlreadyOnLoanToMember if mine else CopyOnLoan
        yield on_loan(copy.copy_id, copy.due_at)
    if copy.kept_for not in {None, member.member_id}:
        yield OnHoldForOther(copy.copy_id)
    if member.open_loans >= policy.loan_limit:
        yield LoanLimit(member.open_loans, policy.loan_limit)
    if 0 < policy.overdue_limit <= member.overdue:
        yield OverdueLimit(member.overdue, policy.overdue_limit)
    if 0 < policy.fee_limit <= member.balance:
        yield FeeLimit(member.balance, policy.fee_limit)
