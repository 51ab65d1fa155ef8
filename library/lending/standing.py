"""
How a member and a copy stand when the one asks for the other.

Every borrow asks, and these are words of SQL: put together by the ORM, the five
answers would be five statements, and take several times as long.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from library.catalog.models import Copy
from library.lending.rules import CopyStanding, MemberStanding
from library.members.models import Member
from outbox import prepared


def of(
    member: Member, copy: Copy, now: datetime
) -> tuple[MemberStanding, CopyStanding, UUID | None]:
    """
    Return how both stand, and the transit that the copy is on, if it is on one.

    Whoever asks holds the locks of both. Loans of which the member says that they
    came back are not late.
    """
    asked = {"member": member.id, "copy": copy.id, "branch": copy.branch_id, "now": now}
    with prepared.cursor() as cursor:
        cursor.execute(_STANDING, asked)
        loans, late, balance, *where, transit_id = cursor.fetchone()
    return (
        MemberStanding(
            membership=member.membership,
            open_loans=loans,
            overdue=late,
            balance=balance,
        ),
        _of_copy(copy, *where),
        transit_id,
    )


def hold_of(member_id: UUID, copy_id: UUID) -> tuple[UUID, UUID] | None:
    """Return a member's open hold of a copy, or of any of its book, and the book."""
    with prepared.cursor() as cursor:
        cursor.execute(_HOLD, {"member": member_id, "copy": copy_id})
        found: tuple[UUID, UUID] | None = cursor.fetchone()
    return found


def _of_copy(
    copy: Copy,
    borrower_id: UUID | None,
    due_at: datetime | None,
    kept_for: UUID | None,
) -> CopyStanding:
    here = borrower_id is None
    return CopyStanding(
        copy_id=copy.id,
        borrower_id=borrower_id,
        due_at=due_at,
        kept_for=kept_for if here else None,
        condition=copy.condition if here else "",
        restricted=copy.restricted,
    )


_STANDING = """
SELECT mine.open, mine.late, account.balance, loan.member_id, loan.due_at,
    kept.member_id, transit.id
FROM (
    SELECT count(*) AS open, count(*) FILTER (
        WHERE due_at < %(now)s AND claimed_at IS NULL
            AND branch_id IS NOT DISTINCT FROM %(branch)s
    ) AS late
    FROM lending_loan WHERE member_id = %(member)s AND returned_at IS NULL
) AS mine CROSS JOIN (
    SELECT coalesce(sum(owed), 0)::bigint AS balance
    FROM accounts_fee WHERE member_id = %(member)s
) AS account
LEFT JOIN lending_loan loan
    ON loan.copy_id = %(copy)s AND loan.returned_at IS NULL
LEFT JOIN lending_hold kept ON kept.copy_id = %(copy)s AND kept.closed_at IS NULL
LEFT JOIN lending_transit transit ON transit.copy_id = %(copy)s
"""

_HOLD = """
SELECT hold.id, hold.book_id
FROM lending_hold hold JOIN catalog_copy copy USING (book_id)
WHERE copy.id = %(copy)s AND hold.member_id = %(member)s
    AND hold.closed_at IS NULL
    AND (hold.wanted_copy_id IS NULL OR hold.wanted_copy_id = copy.id)
"""
