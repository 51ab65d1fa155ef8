"""
What was scanned, and what can be done with it now. Nothing is changed by looking.

What can be done is what the desk would do next; its rules may still refuse it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from library.catalog import rules as catalog_rules
from library.catalog.models import Copy
from library.lending import whereabouts
from library.lending.desk_refusals import UnknownCode
from library.lending.models import Hold, Loan
from library.lending.whereabouts import Whereabouts
from library.members import cards
from library.members.models import Member


@dataclass(frozen=True, slots=True)
class CopyScanned:
    """A copy, where it belongs, with its open loan or the hold that it is for."""

    copy: Copy
    place: Whereabouts
    loan: Loan | None
    hold: Hold | None

    @property
    def can(self) -> list[str]:
        """What can be done with it."""
        if self.loan:
            return ["return", "renew"]
        return [] if self.copy.condition else ["lend"]

    @property
    def lend_to(self) -> UUID | None:
        """Whom alone it can be lent to; None: nobody waits for it."""
        return self.hold.member_id if self.hold else None


@dataclass(frozen=True, slots=True)
class MemberScanned:
    """A member, whether anything is lent to them, and whether they have anything."""

    member: Member
    good_standing: bool
    has_loans: bool

    @property
    def can(self) -> list[str]:
        """What can be done for them."""
        said = {"lend": self.good_standing, "renew_all": self.has_loans}
        return [what for what, possible in said.items() if possible]


def look_up(code: str, today: date) -> tuple[CopyScanned | None, MemberScanned | None]:
    """
    Return the copy, the member, or both, that a code stands for.

    Raises UnknownCode where it is neither.
    """
    found = _copy(code), _member(code, today)
    if found == (None, None):
        raise UnknownCode
    return found


def _copy(code: str) -> CopyScanned | None:
    barcode = catalog_rules.scanned(code)
    copy = Copy.objects.live().select_related("book").filter(barcode=barcode).first()
    if copy is None:
        return None
    loans = Loan.objects.open().select_related("book", "copy").filter(copy=copy)
    kept = Hold.objects.assigned().select_related("book").filter(copy=copy)
    return CopyScanned(
        copy, whereabouts.of(copy.id), loans.first(), kept.with_positions().first()
    )


def _member(code: str, today: date) -> MemberScanned | None:
    member = cards.holder(code)
    if member is None:
        return None
    return MemberScanned(
        member,
        good_standing=not list(member.membership.against(today)),
        has_loans=Loan.objects.open().filter(member=member).exists(),
    )
