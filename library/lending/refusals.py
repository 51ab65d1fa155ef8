"""How the lending desk says no."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from library.refusals import NotFound, Refusal


class UnknownLoan(NotFound):
    """There is no such loan."""

    code = "unknown_loan"

    def __init__(self, loan_id: UUID) -> None:
        super().__init__(
            f"There is no loan {loan_id}. Look at the member's shelf.",
            loan_id=loan_id,
        )


class CopyOnLoan(Refusal):
    """Another member has the copy."""

    code = "copy_on_loan"

    def __init__(self, copy_id: UUID, due_at: datetime) -> None:
        super().__init__(
            f"Copy {copy_id} is on loan until {due_at:%d %B %Y}. "
            "Borrow another copy of the book.",
            copy_id=copy_id,
            due_at=due_at,
        )


class AlreadyOnLoanToMember(Refusal):
    """The member has this very copy at home."""

    code = "already_on_loan_to_member"

    def __init__(self, copy_id: UUID, due_at: datetime) -> None:
        super().__init__(
            f"You have copy {copy_id} already, until {due_at:%d %B %Y}. "
            "Renew the loan instead.",
            copy_id=copy_id,
            due_at=due_at,
        )


class NotForLoan(Refusal):
    """The policy that applies lends no such copy to such a member."""

    code = "not_for_loan"

    def __init__(self, copy_id: UUID, policy: str) -> None:
        super().__init__(
            f"Copy {copy_id} is not lent out, by the policy {policy!r}. "
            "Read it in the library.",
            copy_id=copy_id,
            policy=policy,
        )


class Restricted(Refusal):
    """The copy is kept for those to whom the policy lends restricted ones."""

    code = "restricted"

    def __init__(self, policy: str) -> None:
        super().__init__(
            f"This copy is restricted, and the policy {policy!r} lends no such ones. "
            "Read it in the library.",
            policy=policy,
        )


class LoanLimit(Refusal):
    """The member has as many loans as the policy allows."""

    code = "loan_limit"

    def __init__(self, open_loans: int, limit: int) -> None:
        super().__init__(
            f"{open_loans} books are on loan and {limit} is the limit. "
            "Return one first.",
            open_loans=open_loans,
            limit=limit,
        )


class RenewalsUsed(Refusal):
    """The loan was renewed as often as the policy allows."""

    code = "renewals_used"

    def __init__(self, renewals: int, limit: int) -> None:
        super().__init__(
            f"The loan was renewed {renewals} times and {limit} is the limit. "
            "Return the book.",
            renewals=renewals,
            limit=limit,
        )


class TooSoon(Refusal):
    """It is too early to renew the loan."""

    code = "too_soon"

    def __init__(self, soonest_on: date) -> None:
        super().__init__(
            f"The loan can be renewed from {soonest_on:%d %B %Y} on. Come back then.",
            soonest_on=soonest_on,
        )


class NoGain(Refusal):
    """The loan lasts as long as the membership does already."""

    code = "no_gain"

    def __init__(self, copy_id: UUID, expires_on: date) -> None:
        super().__init__(
            f"A renewal would not move the due date of copy {copy_id}: the membership "
            f"ends on {expires_on:%d %B %Y}. Extend it at the desk first.",
            copy_id=copy_id,
            expires_on=expires_on,
        )


class OnHoldForOther(Refusal):
    """Somebody else waits for the copy."""

    code = "on_hold_for_other"

    def __init__(self, copy_id: UUID) -> None:
        super().__init__(
            f"Another member waits for copy {copy_id}. "
            "Give it to the desk, or place a hold.",
            copy_id=copy_id,
        )


class OverdueLimit(Refusal):
    """The member keeps too many books of the branch for too long."""

    code = "overdue_limit"

    def __init__(self, overdue: int, limit: int) -> None:
        super().__init__(
            f"{overdue} loans are overdue, and with {limit} nothing more is lent. "
            "Return them first.",
            overdue=overdue,
            limit=limit,
        )


class LoanNotLate(Refusal):
    """The loan is not late, or it is known already."""

    code = "loan_not_late"

    def __init__(self, loan_id: UUID, due_at: datetime) -> None:
        super().__init__(
            f"Loan {loan_id}, due on {due_at:%d %B %Y}, is not late or was marked "
            "before. There is nothing to do.",
            loan_id=loan_id,
            due_at=due_at,
        )


class FeeLimit(Refusal):
    """The member owes too much."""

    code = "fee_limit"

    def __init__(self, balance: int, limit: int) -> None:
        super().__init__(
            f"{balance} is owed, and with {limit} nothing more is lent. "
            "Pay at the desk first.",
            balance=balance,
            limit=limit,
        )


class HistoryKept(Refusal):
    """It is still to be known whose the loan was."""

    code = "history_kept"

    def __init__(self, loan_id: UUID) -> None:
        super().__init__(
            f"Loan {loan_id} is open or was over lately, a fee is owed for it, or its "
            "member wishes it kept. Wait for the start of a later day.",
            loan_id=loan_id,
        )


class CopyNotOnLoan(Refusal):
    """The copy is not on loan, so it cannot be returned."""

    code = "copy_not_on_loan"

    def __init__(self, copy_id: UUID) -> None:
        super().__init__(
            f"Copy {copy_id} is not on loan. Put it on the shelf.", copy_id=copy_id
        )


class AlreadyReturned(Refusal):
    """The loan was closed before."""

    code = "already_returned"

    def __init__(self, loan_id: UUID) -> None:
        super().__init__(
            f"Loan {loan_id} is closed. There is nothing left to do.",
            loan_id=loan_id,
        )
