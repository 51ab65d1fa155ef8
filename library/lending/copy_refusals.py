"""How the desk says no about where a copy is, and what is wrong with it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from library.lending.refusals import AlreadyReturned
from library.refusals import Refusal


class MarkedCopy(Refusal):
    """The copy is missing, damaged or lost, and not lent as it is."""

    code = "not_for_loan"

    def __init__(self, copy_id: UUID, condition: str) -> None:
        super().__init__(
            f"Copy {copy_id} is marked {condition} and is not lent. "
            "Give it to the desk, where the mark can be taken off.",
            copy_id=copy_id,
            condition=condition,
        )


class ReturnedTooEarly(Refusal):
    """The stated time of a return lies before the loan."""

    code = "returned_too_early"

    def __init__(
        self, loan_id: UUID, borrowed_at: datetime, returned_at: datetime
    ) -> None:
        super().__init__(
            f"Loan {loan_id} began on {borrowed_at:%d %B %Y at %H:%M} UTC, after the "
            f"time given, {returned_at:%d %B %Y at %H:%M} UTC. Give a later one.",
            loan_id=loan_id,
            borrowed_at=borrowed_at,
            returned_at=returned_at,
        )


class AlreadyLost(Refusal):
    """The loan was closed when its copy was declared lost."""

    code = "already_lost"

    def __init__(self, loan_id: UUID) -> None:
        super().__init__(
            f"The copy of loan {loan_id} was declared lost. Scan it if it is there; "
            "else there is nothing left to do.",
            loan_id=loan_id,
        )


class AlreadyClaimed(Refusal):
    """It is known that the member says the copy came back."""

    code = "already_claimed"

    def __init__(self, loan_id: UUID) -> None:
        super().__init__(
            f"The copy of loan {loan_id} is looked for already. Take it back when it "
            "is found, or declare it lost.",
            loan_id=loan_id,
        )


class ReturnedByClaim(Refusal):
    """A copy that is said to be back is not renewed."""

    code = "return_claimed"

    def __init__(self, copy_id: UUID) -> None:
        super().__init__(
            f"Copy {copy_id} is said to be back and is looked for. "
            "Bring it to the desk if it is still there.",
            copy_id=copy_id,
        )


def loan_over(loan_id: UUID, outcome: str) -> Refusal:
    """Return the refusal that says how a loan was closed."""
    return AlreadyLost(loan_id) if outcome == "lost" else AlreadyReturned(loan_id)
