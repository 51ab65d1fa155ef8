"""What we write to members about their loans."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from library.catalog.calendars import ALWAYS_OPEN
from library.catalog.models import Book, Branch
from library.lending.events import CopyBorrowed, CopyRenewed, CopyReturned
from outbox.channels.letters import Letter


def _borrower(event: CopyBorrowed | CopyRenewed | CopyReturned) -> tuple[UUID]:
    return (event.member_id,)


def _lent(event: CopyBorrowed | CopyRenewed) -> dict[str, Any]:
    return {"title": _title(event.book_id), "due_on": _day_of(event)}


def _returned(event: CopyReturned) -> dict[str, Any]:
    return {"title": _title(event.book_id), "returned_at": event.returned_at}


def _day_of(event: CopyBorrowed | CopyRenewed) -> date:
    """Return the day a loan is due by the clocks of its branch."""
    if event.branch_id is None:
        return ALWAYS_OPEN.day_of(event.due_at)
    return Branch.objects.get(id=event.branch_id).calendar.day_of(event.due_at)


def _title(book_id: UUID) -> str:
    # A withdrawn book keeps its row, so there always is one.
    return str(Book.objects.values_list("title", flat=True).get(id=book_id))


loan_receipt = Letter(
    name="loan_receipt",
    event=CopyBorrowed,
    template="letters/loan_receipt",
    recipients=_borrower,
    context=_lent,
    sample={"title": "Oʻtkan kunlar", "due_on": date(2026, 3, 30)},
    title={"en": "Receipts for what you borrow", "uz": "Olingan kitoblar tilxati"},
)

renewal_receipt = Letter(
    name="renewal_receipt",
    event=CopyRenewed,
    template="letters/renewal_receipt",
    recipients=_borrower,
    context=_lent,
    sample={"title": "Oʻtkan kunlar", "due_on": date(2026, 4, 27)},
    title={"en": "Receipts for renewals", "uz": "Muddat uzaytirilgani haqida xabarlar"},
)

return_receipt = Letter(
    name="return_receipt",
    event=CopyReturned,
    template="letters/return_receipt",
    recipients=_borrower,
    context=_returned,
    sample={
        "title": "Oʻtkan kunlar",
        "returned_at": datetime(2026, 3, 12, 9, tzinfo=UTC),
    },
    title={
        "en": "Receipts for what you return",
        "uz": "Qaytarilgan kitoblar tilxati",
    },
)
