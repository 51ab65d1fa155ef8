"""
What members are told together: several facts, one letter.

What was lent in one basket shares a `basket_id`, and all that changes for a member in
one step a `notice_id`. Each of the facts owes the letter; the first brings it for all,
and those of the others go to nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from library.lending.date_events import CopyDueChanged, HoldExtended
from library.lending.events import CopyBorrowed
from library.lending.models import Hold, Loan
from outbox import log

Changed = CopyDueChanged | HoldExtended
TYPES = (CopyBorrowed.type, CopyDueChanged.type, HoldExtended.type)


def recipients(event: CopyBorrowed | Changed) -> Sequence[UUID]:
    """Return the member where the fact is the first to be told, or nobody."""
    return [event.member_id] if together(event)[0] == event else []


def together(event: CopyBorrowed | Changed) -> list[Any]:
    """Return the facts that are told with this one, itself included, in their order."""
    shared = event.basket_id if isinstance(event, CopyBorrowed) else event.notice_id
    if shared is None:
        return [event]
    return [each.event for each in log.concerning([shared], types=TYPES)]


def still_so(event: Changed) -> list[Changed]:
    """Return what was changed together and is still as it was changed to."""
    return [each for each in together(event) if _is_so(each)]


def _is_so(event: Changed) -> bool:
    if isinstance(event, CopyDueChanged):
        loan = Loan.objects.open().filter(id=event.loan_id, due_at=event.due_at)
        return loan.exists()
    kept = Hold.objects.ready().filter(id=event.hold_id)
    return kept.filter(pickup_until=event.pickup_until).exists()
