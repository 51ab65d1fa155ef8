"""Where a copy is, told by the tables alone."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from library.catalog.models import Copy
from library.lending.models import Hold, Loan, Transit

ON_LOAN, IN_TRANSIT, READY, ON_SHELF = "on_loan", "in_transit", "ready", "on_shelf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """
    Where a copy is: `status` is one of those above, or what is wrong with it.

    `branch_id` is where it belongs now: where it waits, stands or is under way to.
    `hold_id` is the hold for which it is, or will be, set aside.
    """

    copy_id: UUID
    status: str
    branch_id: UUID | None = None
    hold_id: UUID | None = None


def of(copy_id: UUID) -> Whereabouts:
    """Return where a copy is."""
    if Loan.objects.of_copy(copy_id):
        return Whereabouts(copy_id=copy_id, status=ON_LOAN)
    copy = Copy.objects.get(id=copy_id)
    at: UUID | None = copy.branch_id
    transit = Transit.objects.of_copy(copy_id)
    hold = Hold.objects.assigned().filter(copy=copy_id).first()
    hold_id = hold.id if hold else None
    status = copy.condition or ON_SHELF
    if transit:
        status, at = IN_TRANSIT, transit.to_branch_id
    elif hold:
        status, at = READY, hold.branch_id
    return Whereabouts(copy_id=copy_id, status=status, branch_id=at, hold_id=hold_id)
