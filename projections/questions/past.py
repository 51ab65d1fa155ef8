"""What did a member have at home at an earlier moment, and what before that?"""

from __future__ import annotations

from uuid import UUID

from projections import as_of
from projections.models import Shelf
from projections.questions.shelves import shelves


def shelf(member_id: UUID, *, returned: bool, upto: int) -> list[Shelf]:
    """Return a member's shelf at a position, in the order of today's."""
    found = as_of.rows(shelves, about=[member_id], upto=upto)
    if not returned:
        at_home = [row for row in found if row.returned_at is None]
        return sorted(at_home, key=lambda row: (row.due_at, row.loan_id))
    before = [row for row in found if row.returned_at is not None]
    before.sort(key=lambda row: row.loan_id)
    return sorted(before, key=lambda row: row.returned_at, reverse=True)
