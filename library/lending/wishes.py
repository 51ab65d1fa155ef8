"""What a member would wait for, as things stand: read for the rules of holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from django.db.models import Count

from library.accounts.models import Fee
from library.catalog.models import Book, Branch, Copy
from library.catalog.refusals import UnknownBranch, UnknownCopy
from library.lending.hold_rules import Offer, Wish
from library.lending.models import Hold, Loan
from library.members.models import Member
from library.policies import policies
from library.policies.rules import Policy


def wish(
    member: Member,
    book: Book,
    policy: Policy,
    *,
    copy: Copy | None,
    pickup: Branch | None,
    days: int | None,
    now: datetime,
) -> Wish:
    """Return a member's wish for a book, or for this very copy of it."""
    loan = Loan.objects.open().filter(member=member, book=book).first()
    mine = Hold.objects.open().filter(member=member)
    return Wish(
        membership=member.membership,
        book_id=book.id,
        offers=tuple(_offers(member, book, copy, pickup, now)),
        days=days,
        at_home=(loan.copy_id, loan.due_at) if loan else None,
        on_hold=mine.filter(book=book).exists(),
        open_holds=mine.count(),
        balance=Fee.objects.filter(member=member).balance() if policy.fee_limit else 0,
    )


def copy_of(book: Book, copy_id: UUID | None) -> Copy | None:
    """Return the copy that is wanted; raise UnknownCopy for one of another book."""
    if copy_id is None:
        return None
    stock = Copy.objects.live().select_related("branch").filter(book=book)
    found: Copy | None = stock.filter(id=copy_id).first()
    if found is None:
        raise UnknownCopy(copy_id)
    return found


def branch_of(branch_id: UUID | None) -> Branch | None:
    """Return the branch where it is to be picked up, if one was said."""
    if branch_id is None:
        return None
    found: Branch | None = Branch.objects.filter(id=branch_id).first()
    if found is None:
        raise UnknownBranch(branch_id)
    return found


def _offers(
    member: Member, book: Book, copy: Copy | None, pickup: Branch | None, now: datetime
) -> Iterator[Offer]:
    stock = Copy.objects.sound().filter(book=book)
    if copy is not None:
        stock = stock.filter(id=copy.id)
    alike = stock.order_by("branch_id", "kind", "restricted")
    late = _overdue(member, now)
    for branch_id, kind, restricted in alike.values_list(
        "branch_id", "kind", "restricted"
    ).distinct():
        yield Offer(
            policy=policies.for_loan(branch_id, member.category, kind),
            restricted=restricted,
            overdue=late.get(pickup.id if pickup else branch_id, 0),
        )


def _overdue(member: Member, now: datetime) -> dict[UUID | None, int]:
    """Return how many late loans a member has, by branch; none said to be back."""
    late = Loan.objects.overdue(now).filter(member=member, claimed_at__isnull=True)
    return dict(late.order_by().values_list("branch").annotate(n=Count("id")))
