"""
What the other parts are answered when they ask whether something may go.

Named in `LIBRARY_GUARDS`: one function for each question, called under the lock
of what is to go, answering with the ids that stand in the way.
"""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q

from library.accounts.models import Fee
from library.lending.models import Hold, Loan, Transit


def book(book_id: UUID) -> list[UUID]:
    """Return the open holds that keep a book from going."""
    return list(Hold.objects.open().filter(book=book_id).values_list("id", flat=True))


def member(member_id: UUID) -> list[UUID]:
    """Return the open loans, holds and fees that keep a member from being erased."""
    loans = Loan.objects.open().filter(member=member_id).values_list("id", flat=True)
    holds = Hold.objects.open().filter(member=member_id).values_list("id", flat=True)
    fees = Fee.objects.open().filter(member=member_id).values_list("id", flat=True)
    return [*loans, *holds, *fees]


def copy(copy_id: UUID) -> list[UUID]:
    """Return the open loan, the hold or the way home that keeps a copy from going."""
    loans = Loan.objects.open().filter(copy=copy_id).values_list("id", flat=True)
    wanted = Q(copy=copy_id) | Q(wanted_copy=copy_id)
    holds = Hold.objects.open().filter(wanted).values_list("id", flat=True)
    transits = Transit.objects.filter(copy=copy_id).values_list("id", flat=True)
    return [*loans, *holds, *transits]
