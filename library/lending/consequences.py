"""
What follows for lending from what the catalogue does.

Named in `LIBRARY_CONSEQUENCES`: one function for each occasion, called in the
transaction of the operation and under its locks.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from library.catalog.models import Branch
from library.lending import closures, holds
from library.lending.models import Hold


def copies_changed(book_id: UUID, now: datetime) -> None:
    """Set a copy that came in, or may be lent now, aside for whose turn it is."""
    if Hold.objects.waiting(book_id).exists():
        holds.hand_out(book_id=book_id, now=now)


def branch_described(branch_id: UUID, now: datetime) -> None:
    """Move what ends on a closed day; that of many is left to the start of the day."""
    branch = Branch.objects.get(id=branch_id)
    members = {member_id for _, member_id in closures.affected([branch], now)}
    if 0 < len(members) <= closures.AT_ONCE:
        closures.move(branch_id=branch_id, member_ids=members, now=now)
