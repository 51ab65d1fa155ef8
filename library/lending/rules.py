"""What may be lent to whom, and until when: pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from library.lending.refusals import AlreadyOnLoanToMember, CopyOnLoan, LoanLimit
from library.refusals import Refusal, refuse_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The numbers that apply to a loan."""

    loan_days: int
    loan_limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyStanding:
    """Where a copy is: with whom and until when, or on the shelf (None)."""

    copy_id: UUID
    borrower_id: UUID | None = None
    due_at: datetime | None = None


def check_may_borrow(
    policy: Policy, member_id: UUID, open_loans: int, copy: CopyStanding
) -> None:
    """Refuse with every reason that applies; pass where none does."""
    refuse_for(_reasons(policy, member_id, open_loans, copy))


def due_date(policy: Policy, now: datetime) -> datetime:
    """Return when a loan that starts now ends."""
    return now + timedelta(days=policy.loan_days)


def _reasons(
    policy: Policy, member_id: UUID, open_loans: int, copy: CopyStanding
) -> Iterator[Refusal]:
    if copy.due_at is not None:
        mine = copy.borrower_id == member_id
        on_loan = AlreadyOnLoanToMember if mine else CopyOnLoan
        yield on_loan(copy.copy_id, copy.due_at)
    if open_loans >= policy.loan_limit:
        yield LoanLimit(open_loans, policy.loan_limit)
