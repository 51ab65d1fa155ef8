"""All that a member has at home, renewed in one step."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from library.catalog.models import Book, Copy
from library.lending import loans
from library.lending.events import CopyRenewed
from library.lending.models import Loan
from library.members.models import Member
from library.refusals import Refusal
from outbox import gate


@transaction.atomic
def renew_all(*, member_id: UUID, now: datetime) -> dict[UUID, CopyRenewed | Refusal]:
    """
    Let every open loan of a member go on that may, the soonest due first.

    Answers each loan with its fact or refusal. Locks the member, their books, then
    their copies, each by their ids. Raises UnknownMember.
    """
    gate.enter()
    member = Member.objects.lock(member_id)
    mine = Loan.objects.open().filter(member=member)
    Book.objects.lock_all(mine.values_list("book", flat=True))
    Copy.objects.lock_all(mine.values_list("copy", flat=True))
    ordered = mine.order_by("due_at", "id").values_list("id", flat=True)
    return {loan_id: _renew(loan_id, now) for loan_id in list(ordered)}


def _renew(loan_id: UUID, now: datetime) -> CopyRenewed | Refusal:
    try:
        return loans.renew_loan(loan_id=loan_id, now=now)
    except Refusal as refusal:
        return refusal
