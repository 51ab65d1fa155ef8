"""
What lies on the desk together: lent in one step, with an answer for each copy.

Everything is locked before anything is lent, the member, then the books, then the
copies, each by their ids: two baskets with the same copies wait for one another.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from library.catalog import rules as catalog_rules
from library.catalog.models import Book, Copy
from library.lending import loans
from library.lending.desk_refusals import BasketRefused, UnknownBarcode
from library.lending.events import CopyBorrowed
from library.lending.models import Hold
from library.members.models import Member
from library.refusals import Refusal
from outbox import gate
from outbox.ids import new_id

LARGEST = 50  # copies: all of them are locked until the last is lent


@transaction.atomic
def lend_basket(
    *,
    copies: Sequence[UUID | str],
    member_id: UUID,
    now: datetime,
    all_or_nothing: bool = False,
) -> list[CopyBorrowed | Refusal]:
    """
    Lend copies, by id or barcode, to a member; answer each with its fact or refusal.

    A refused one does not keep the others back, unless it is all or nothing: then
    BasketRefused is raised, with every reason. Raises UnknownMember.
    """
    gate.enter()
    member = Member.objects.lock(member_id)
    ids = _ids(copies)
    _hold_still(member, [each for each in ids if each is not None])

    basket_id = new_id()
    answers = [_lend(each, member, basket_id, now) for each in ids]
    refused = {
        place: answer
        for place, answer in enumerate(answers, 1)
        if isinstance(answer, Refusal)
    }
    if refused and all_or_nothing:
        raise BasketRefused(refused, len(copies))
    return answers


def _lend(
    copy_id: UUID | None, member: Member, basket_id: UUID, now: datetime
) -> CopyBorrowed | Refusal:
    if copy_id is None:
        return UnknownBarcode()
    try:
        return loans.borrow_copy(
            copy_id=copy_id, member_id=member.id, now=now, basket_id=basket_id
        )
    except Refusal as refusal:
        return refusal


def _ids(copies: Sequence[UUID | str]) -> list[UUID | None]:
    """Return the ids, those of barcodes looked up; None for one nobody has."""
    codes = [catalog_rules.scanned(each) for each in copies if isinstance(each, str)]
    found = Copy.objects.live().filter(barcode__in=codes)
    known = dict(found.values_list("barcode", "id"))
    return [
        known.get(catalog_rules.scanned(each)) if isinstance(each, str) else each
        for each in copies
    ]


def _hold_still(member: Member, copy_ids: Sequence[UUID]) -> None:
    """Lock the books of copies, then the copies and those kept for the member."""
    copies = Copy.objects.filter(id__in=copy_ids)
    books = Book.objects.lock_all(copies.values_list("book", flat=True))
    kept = Hold.objects.assigned().filter(member=member, book__in=books)
    Copy.objects.lock_all([*copy_ids, *kept.values_list("copy", flat=True)])
