"""Borrow and return copies."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from library.accounts import fees
from library.advance import advance
from library.catalog.copies import held_with_book
from library.catalog.models import Book, Copy
from library.lending import holds, queue, rules, standing
from library.lending.copy_events import CopyLost
from library.lending.copy_refusals import loan_over
from library.lending.events import CopyBorrowed, CopyRenewed, CopyReturned
from library.lending.held import place
from library.lending.models import Hold, Loan
from library.lending.refusals import AlreadyReturned, CopyNotOnLoan, UnknownLoan
from library.members.models import Member
from library.policies import policies
from outbox import gate
from outbox.codec import DomainEvent
from outbox.ids import new_id


@transaction.atomic
def borrow_copy(
    *, copy_id: UUID, member_id: UUID, now: datetime, basket_id: UUID | None = None
) -> CopyBorrowed:
    """
    Lend a copy to a member until its due date, with others of a basket or alone.

    Locks the member, then the copy: two requests for one copy, or two by one
    member, wait for each other here instead of racing past the rules. Where the
    member waits for the book, the hold ends here, under the lock of the book.

    Raises UnknownMember, UnknownCopy, BranchNeverOpens, and, with all reasons
    that apply, MemberExpired, MemberBlocked, NotForLoan, CopyOnLoan,
    AlreadyOnLoanToMember, OnHoldForOther, LoanLimit, OverdueLimit or FeeLimit.
    """
    gate.enter()
    member = Member.objects.lock(member_id)
    hold = _hold_of(member, copy_id)
    copy = _held(copy_id, hold)

    policy = policies.for_loan(copy.branch_id, member.category, copy.kind)
    asks, wanted, transit_id = standing.of(member, copy, now)
    rules.check_may_borrow(policy, asks, wanted, copy.calendar.day_of(now))
    due = rules.due_date(policy, copy.calendar, now, member.expires_on)

    borrowed = CopyBorrowed(
        loan_id=new_id(),
        copy_id=copy.id,
        book_id=copy.book_id,
        member_id=member.id,
        borrowed_at=now,
        due_at=due.at,
        loan_days=policy.loan_days,
        loan_limit=policy.loan_limit,
        branch_id=copy.branch_id,
        policy=policy.name,
        policy_version=policy.version,
        hold_id=hold.id if hold else None,
        hold_copy_id=hold.copy_id if hold and hold.ready_at else None,
        transit_id=transit_id,
        category=member.category,
        kind=copy.kind,
        shortened=due.shortened,
        basket_id=basket_id,
        remind_at=rules.remind_at(policy, copy.calendar, due.at, now),
    )
    advance(borrowed)
    if hold and hold.copy_id != copy.id:
        holds.hand_on(hold, now)
    return borrowed


@transaction.atomic
def renew_loan(*, loan_id: UUID, now: datetime) -> CopyRenewed:
    """
    Let a loan go on: from its due date, or from now where it is late.

    Locks the member, so that nobody is blocked meanwhile, the book, then the copy.
    Raises UnknownLoan, AlreadyReturned, BranchNeverOpens, and, with all reasons that
    apply, MemberExpired, MemberBlocked, NotForLoan, OnHoldForOther, RenewalsUsed,
    TooSoon or NoGain.
    """
    gate.enter()
    member = borrower(loan_id)
    loan = open_and_held(loan_id)
    policy = policies.for_loan(loan.branch_id, member.category, loan.copy.kind)
    stands = rules.LoanStanding(
        membership=member.membership,
        copy_id=loan.copy_id,
        due_at=loan.due_at,
        renewals=loan.renewals,
        wanted_by_others=queue.wanted_by_others(loan, now),
        claimed=loan.claimed_at is not None,
    )
    rules.check_may_renew(policy, loan.calendar, stands, now)
    due = rules.renewed_due_date(policy, loan.calendar, stands, now)

    renewed = CopyRenewed(
        loan_id=loan.id,
        copy_id=loan.copy_id,
        book_id=loan.book_id,
        member_id=loan.member_id,
        renewed_at=now,
        due_before=loan.due_at,
        due_at=due.at,
        renewals=loan.renewals + 1,
        renewal_limit=policy.renewal_limit,
        branch_id=loan.branch_id,
        policy=policy.name,
        policy_version=policy.version,
        shortened=due.shortened,
        remind_at=rules.remind_at(policy, loan.calendar, due.at, now),
    )
    advance(*with_fee(renewed, loan, now))
    return renewed


@transaction.atomic
def return_copy(
    *,
    copy_id: UUID,
    now: datetime,
    loan_id: UUID | None = None,
    at: UUID | None = None,
    returned_at: datetime | None = None,
) -> CopyReturned:
    """
    Take a copy back, whoever brings it, at a branch or (None) where it is at home.

    With `loan_id`, close that loan only. `returned_at` may lie in the past, as for
    what was in the night box; a time to come is taken as now. A fee that a renewal
    has charged since, for a due date that was met after all, is reversed. The copy then
    goes where it is wanted, or home. Locks the book, then the copy, then such fees.

    Raises UnknownCopy, UnknownBranch, CopyNotOnLoan, ReturnedTooEarly, and
    AlreadyReturned where the loan named is not the open one.
    """
    gate.enter()
    copy = held_with_book(copy_id)
    branch = place(copy, at)
    loan = Loan.objects.of_copy(copy.id)
    if loan_id is not None and (loan is None or loan.id != loan_id):
        raise AlreadyReturned(loan_id)
    if loan is None:
        raise CopyNotOnLoan(copy.id)

    back_at = rules.returned_at(loan.id, loan.borrowed_at, returned_at, now)
    returned = CopyReturned(
        loan_id=loan.id,
        copy_id=copy.id,
        book_id=loan.book_id,
        member_id=loan.member_id,
        returned_at=back_at,
        branch_id=branch.id if branch else None,
    )
    facts = [*with_fee(returned, loan, back_at)]
    if back_at < now:  # only then can a renewal have come between
        facts += fees.never_late(loan_id=loan.id, back_at=back_at, now=now)
    advance(*facts)
    holds.put_away(copy, branch, now)
    return returned


def borrower(loan_id: UUID) -> Member:
    """Return the member of an open loan, locked."""
    rows = Loan.objects.filter(id=loan_id)
    known = rows.values("member", "returned_at", "outcome").first()
    if known is None:
        raise UnknownLoan(loan_id)
    if known["returned_at"] is not None:
        raise loan_over(loan_id, known["outcome"])
    return Member.objects.lock(known["member"])


def open_and_held(loan_id: UUID) -> Loan:
    """Return an open loan as it stands once its book and copy are locked."""
    known = Loan.objects.filter(id=loan_id).first()
    if known is None:
        raise UnknownLoan(loan_id)
    if known.returned_at is None:
        Book.objects.lock(known.book_id)
        Copy.objects.lock(known.copy_id)
    found = Loan.objects.select_related("member", "copy", "branch").get(id=loan_id)
    if found.returned_at is not None:
        raise loan_over(loan_id, found.outcome)
    return found


def _hold_of(member: Member, copy_id: UUID) -> Hold | None:
    """Return the member's open hold of the copy's book, the book then locked."""
    known = standing.hold_of(member.id, copy_id)
    if known is None:  # only who holds the member's lock could place one
        return None
    hold_id, book_id = known
    Book.objects.lock(book_id)
    return Hold.objects.open().filter(id=hold_id).first()


def _held(copy_id: UUID, hold: Hold | None) -> Copy:
    """Return the copy, locked with the one that is set aside, by their ids."""
    kept = hold.copy_id if hold else None
    held = {
        each: Copy.objects.lock(each) for each in sorted({copy_id, kept or copy_id})
    }
    return held[copy_id]


def with_fee(
    fact: CopyRenewed | CopyReturned | CopyLost, loan: Loan, now: datetime
) -> list[DomainEvent]:
    """Return what ends the lateness of a loan, and what that costs."""
    if now <= loan.due_at:
        return [fact]
    fee = fees.for_lateness(
        loan_id=loan.id,
        member_id=loan.member_id,
        due_at=loan.due_at,
        policy=policies.for_loan(loan.branch_id, loan.member.category, loan.copy.kind),
        calendar=loan.calendar,
        now=now,
    )
    return [fact, fee] if fee else [fact]
