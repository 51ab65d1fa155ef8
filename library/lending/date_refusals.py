"""How it is said that a date is not to change, or not to be remembered."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from library.refusals import Invalid, Refusal


class LoanNotDueSoon(Refusal):
    """It is not the day to remember the loan, or it was."""

    code = "loan_not_due_soon"

    def __init__(self, loan_id: UUID, due_at: datetime) -> None:
        super().__init__(
            f"Loan {loan_id}, due on {due_at:%d %B %Y}, need not be remembered now. "
            "There is nothing to do.",
            loan_id=loan_id,
            due_at=due_at,
        )


class InvalidDueDate(Invalid):
    """A due date that is over, or years away."""

    code = "invalid_due_date"

    def __init__(self, due_on: date) -> None:
        super().__init__(
            f"Nothing can be due on {due_on.isoformat()}. "
            "Give today or a day in the next ten years.",
            field="due_on",
            due_on=due_on,
        )


class DueThenAlready(Refusal):
    """The loan is due on that day as it stands."""

    code = "due_then_already"

    def __init__(self, loan_id: UUID, due_at: datetime) -> None:
        super().__init__(
            f"Loan {loan_id} is due on {due_at:%d %B %Y} already. "
            "Give another day, or leave it.",
            loan_id=loan_id,
            due_at=due_at,
        )
