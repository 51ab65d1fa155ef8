"""Borrow and return copies."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from library.advance import advance
from library.catalog.models import Book, Copy
from library.lending import policies, rules
from library.lending.events import CopyBorrowed, CopyRenewed, CopyReturned
from library.lending.models import Loan
from library.lending.refusals import AlreadyReturned, CopyNotOnLoan, UnknownLoan
from library.members.models import Member
from outbox import gate
from outbox.ids import new_id


@transaction.atomic
def borrow_copy(*, copy_id: UUID, member_id: UUID, now: datetime) -> CopyBorrowed:
    """
    Lend a copy to a member until its due date.

    Locks the member, then the copy: two requests for one copy, or two by one
    member, wait for each other here instead of racing past the rules.

    Raises UnknownMember, UnknownCopy, BranchNeverOpens, and, with all reasons
    that apply, NotForLoan, CopyOnLoan, AlreadyOnLoanToMember or LoanLimit.
    """
    gate.enter()
    member = Member.objects.lock(member_id)
    copy = Copy.objects.lock(copy_id)

    policy = policies.for_loan(copy.branch_id, member.category, copy.kind)
    open_loans = Loan.objects.open().filter(member=member).count()
    rules.check_may_borrow(policy, member.id, open_loans, _standing(copy))

    borrowed = CopyBorrowed(
        loan_id=new_id(),
        copy_id=copy.id,
        book_id=copy.book_id,
        member_id=member.id,
        borrowed_at=now,
        due_at=rules.due_date(policy, copy.calendar, now),
        loan_days=policy.loan_days,
        loan_limit=policy.loan_limit,
        branch_id=copy.branch_id,
        policy=policy.name,
        policy_version=policy.version,
    )
    advance(borrowed)
    return borrowed


@transaction.atomic
def renew_loan(*, loan_id: UUID, now: datetime) -> CopyRenewed:
    """
    Let a loan go on: from its due date, or from now where it is late.

    Locks the member, the book, then the copy. Raises UnknownLoan,
    AlreadyReturned, BranchNeverOpens, and, with all reasons that apply,
    NotForLoan, RenewalsUsed or TooSoon.
    """
    gate.enter()
    loan = _open_and_held(loan_id)
    policy = policies.for_loan(loan.branch_id, loan.member.category, loan.copy.kind)
    standing = rules.LoanStanding(
        copy_id=loan.copy_id, due_at=loan.due_at, renewals=loan.renewals
    )
    rules.check_may_renew(policy, loan.calendar, standing, now)

    renewed = CopyRenewed(
        loan_id=loan.id,
        copy_id=loan.copy_id,
        book_id=loan.book_id,
        member_id=loan.member_id,
        renewed_at=now,
        due_before=loan.due_at,
        due_at=rules.renewed_due_date(policy, loan.calendar, standing, now),
        renewals=loan.renewals + 1,
        renewal_limit=policy.renewal_limit,
        branch_id=loan.branch_id,
        policy=policy.name,
        policy_version=policy.version,
    )
    advance(renewed)
    return renewed


@transaction.atomic
def return_copy(
    *, copy_id: UUID, now: datetime, loan_id: UUID | None = None
) -> CopyReturned:
    """
    Take a copy back, whoever brings it; with `loan_id`, close that loan only.

    Raises UnknownCopy, CopyNotOnLoan, and AlreadyReturned where the loan named
    is not the open one.
    """
    gate.enter()
    copy = Copy.objects.lock(copy_id)
    loan = Loan.objects.of_copy(copy.id)
    if loan_id is not None and (loan is None or loan.id != loan_id):
        raise AlreadyReturned(loan_id)
    if loan is None:
        raise CopyNotOnLoan(copy.id)

    returned = CopyReturned(
        loan_id=loan.id,
        copy_id=copy.id,
        book_id=loan.book_id,
        member_id=loan.member_id,
        returned_at=now,
    )
    advance(returned)
    return returned


def blocking_copy(copy_id: UUID) -> list[UUID]:
    """Answer the catalogue: which open loans keep a copy from going."""
    return list(
        Loan.objects.open().filter(copy_id=copy_id).values_list("id", flat=True)
    )


def _open_and_held(loan_id: UUID) -> Loan:
    """Return an open loan as it stands once its member, book and copy are locked."""
    known = Loan.objects.filter(id=loan_id).first()
    if known is None:
        raise UnknownLoan(loan_id)
    if known.returned_at is None:
        Member.objects.lock(known.member_id)
        Book.objects.lock(known.book_id)
        Copy.objects.lock(known.copy_id)
    found = Loan.objects.select_related("member", "copy", "branch").get(id=loan_id)
    if found.returned_at is not None:
        raise AlreadyReturned(loan_id)
    return found


def _standing(copy: Copy) -> rules.CopyStanding:
    loan = Loan.objects.of_copy(copy.id)
    if loan is None:
        return rules.CopyStanding(copy_id=copy.id)
    return rules.CopyStanding(
        copy_id=copy.id, borrower_id=loan.member_id, due_at=loan.due_at
    )
