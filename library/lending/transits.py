"""
Copies on their way between branches, and the scan that says where one is.

Whoever scans a copy that is not on loan is never refused: it has arrived, is still
under way, is set aside, or goes to the shelf.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from library.advance import advance
from library.catalog.copies import held_with_book
from library.catalog.models import Branch, Copy
from library.lending import conditions, holds, loans, queue, whereabouts
from library.lending.copy_events import CopyArrived
from library.lending.held import place
from library.lending.models import Hold, Loan, Transit
from library.lending.whereabouts import Whereabouts
from outbox import gate

SOUGHT = ("missing", "lost")


@transaction.atomic
def scan_copy(*, copy_id: UUID, now: datetime, at: UUID | None = None) -> Whereabouts:
    """
    Take note that a copy is at a branch or (None) at home; answer where it belongs.

    One that was missing or lost is found. One on loan stays so: it is returned, not
    scanned. Locks the book, then the copy. Raises UnknownCopy and UnknownBranch.
    """
    gate.enter()
    copy = held_with_book(copy_id)
    branch = place(copy, at)
    if Loan.objects.of_copy(copy.id) is None:
        if copy.condition in SOUGHT:
            copy = conditions.found(copy, now)
        _put_right(copy, branch, now)
    return whereabouts.of(copy.id)


@transaction.atomic
def take_back(
    *,
    copy_id: UUID,
    now: datetime,
    at: UUID | None = None,
    returned_at: datetime | None = None,
) -> Whereabouts:
    """
    Take a copy that somebody brings: return it if it is on loan, else scan it.

    Answers where it belongs. Locks the book, then the copy. Raises UnknownCopy,
    UnknownBranch and ReturnedTooEarly.
    """
    gate.enter()
    copy = held_with_book(copy_id)
    if Loan.objects.of_copy(copy.id) is None:
        return scan_copy(copy_id=copy.id, at=at, now=now)
    loans.return_copy(copy_id=copy.id, at=at, returned_at=returned_at, now=now)
    return whereabouts.of(copy.id)


def _put_right(copy: Copy, at: Branch | None, now: datetime) -> None:
    transit = Transit.objects.of_copy(copy.id)
    kept = Hold.objects.assigned().filter(copy=copy.id).exists()
    if transit is not None:
        # One that nobody wants was sent home, and its home may have moved since.
        ends = (
            {transit.to_branch_id} if kept else {transit.to_branch_id, copy.branch_id}
        )
        if at is not None and at.id in ends:
            _arrive(transit, copy, at, now)
    elif not kept:
        holds.put_away(copy, at, now)


def _arrive(transit: Transit, copy: Copy, at: Branch, now: datetime) -> None:
    """End a way; who the copy was under way for is served before all others."""
    assigned = Hold.objects.assigned().select_related("member", "pickup_branch")
    hold = assigned.filter(copy=copy.id).first()
    arrived = CopyArrived(
        transit_id=transit.id,
        copy_id=copy.id,
        book_id=copy.book_id,
        branch_id=at.id,
        hold_id=hold.id if hold else None,
        arrived_at=now,
    )
    advance(arrived)
    handed = hold and queue.hand_over(copy, hold, at, now)
    if handed:
        advance(handed)
    else:
        holds.take_back(copy.id, now)
        holds.put_away(copy, at, now)
