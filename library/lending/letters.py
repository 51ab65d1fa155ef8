"""What we write to members about their loans."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from library.catalog.calendars import ALWAYS_OPEN
from library.catalog.models import Book, Branch
from library.lending import notices
from library.lending.date_events import (
    CopyDueChanged,
    CopyDueSoon,
    CopyOverdue,
    HoldExtended,
)
from library.lending.due_dates import DESK
from library.lending.events import (
    CopyBorrowed,
    CopyRenewed,
    CopyReturned,
)
from library.lending.hold_events import (
    HoldExpired,
    HoldReady,
)
from library.lending.models import Hold, Loan
from outbox.channels.letters import Letter


def _borrower(
    event: CopyBorrowed
    | CopyRenewed
    | CopyReturned
    | CopyOverdue
    | CopyDueSoon
    | HoldReady
    | HoldExpired,
) -> tuple[UUID]:
    return (event.member_id,)


def _lent(
    event: CopyBorrowed | CopyRenewed | CopyDueSoon | CopyDueChanged | CopyOverdue,
) -> dict[str, Any]:
    return {
        "title": _title(event.book_id),
        "due_on": _day_at(event.branch_id, event.due_at),
    }


def _borrowed(event: CopyBorrowed) -> dict[str, Any]:
    basket = notices.together(event)
    together = [_lent(each) for each in basket] if len(basket) > 1 else []
    return {**_lent(event), "loans": together}


def _changed(event: notices.Changed) -> dict[str, Any]:
    now_so = notices.still_so(event)
    return {
        "closed": not isinstance(event, CopyDueChanged) or event.why != DESK,
        "loans": [_lent(each) for each in now_so if isinstance(each, CopyDueChanged)],
        "holds": [_kept(each) for each in now_so if isinstance(each, HoldExtended)],
    }


def _still_due(event: CopyDueSoon | CopyOverdue) -> bool:
    """
    Tell whether the loan is open and due as it was: not returned, not renewed.

    Nor is its copy said to be back.
    """
    loan = Loan.objects.open().filter(id=event.loan_id, due_at=event.due_at)
    return loan.filter(claimed_at__isnull=True).exists()


def _still_kept(event: HoldReady) -> bool:
    """Tell whether this copy is set aside still, and not another or once more."""
    kept = Hold.objects.ready().filter(id=event.hold_id, copy=event.copy_id)
    return kept.filter(ready_at=event.ready_at).exists()


def _returned(event: CopyReturned) -> dict[str, Any]:
    return {"title": _title(event.book_id), "returned_at": event.returned_at}


def _kept(event: HoldReady | HoldExtended) -> dict[str, Any]:
    until_on = _day_at(event.branch_id, event.pickup_until)
    return {"title": _title(event.book_id), "until_on": until_on}


def _day_at(branch_id: UUID | None, moment: datetime) -> date:
    """Return which day a moment is by the clocks of a branch."""
    if branch_id is None:
        return ALWAYS_OPEN.day_of(moment)
    return Branch.objects.get(id=branch_id).calendar.day_of(moment)


def _title(book_id: UUID) -> str:
    # A withdrawn book keeps its row, so there always is one.
    return str(Book.objects.values_list("title", flat=True).get(id=book_id))


loan_receipt = Letter(
    name="loan_receipt",
    event=CopyBorrowed,
    template="letters/loan_receipt",
    recipients=notices.recipients,
    context=_borrowed,
    sample={"title": "Oʻtkan kunlar", "due_on": date(2026, 3, 30), "loans": []},
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

loan_due_soon = Letter(
    name="loan_due_soon",
    event=CopyDueSoon,
    template="letters/loan_due_soon",
    recipients=_borrower,
    context=_lent,
    sample={"title": "Oʻtkan kunlar", "due_on": date(2026, 3, 30)},
    until=lambda event: event.due_at,
    holds=_still_due,
    title={"en": "Books that are due soon", "uz": "Muddati yaqinlashgan kitoblar"},
)

loan_overdue = Letter(
    name="loan_overdue",
    event=CopyOverdue,
    template="letters/loan_overdue",
    recipients=_borrower,
    context=_lent,
    holds=_still_due,
    sample={"title": "Oʻtkan kunlar", "due_on": date(2026, 3, 30)},
    title={"en": "Books that are late", "uz": "Muddati oʻtgan kitoblar"},
)

DATES_CHANGED: dict[str, Any] = {
    "template": "letters/dates_changed",
    "recipients": notices.recipients,
    "context": _changed,
    "holds": lambda event: bool(notices.still_so(event)),
    "kind": "dates_changed",
    "title": {"en": "Dates that have changed", "uz": "Oʻzgargan muddatlar"},
}

due_changed = Letter(
    name="due_changed",
    event=CopyDueChanged,
    sample={
        "closed": True,
        "loans": [{"title": "Oʻtkan kunlar", "due_on": date(2026, 3, 31)}],
        "holds": [{"title": "Kecha va kunduz", "until_on": date(2026, 3, 31)}],
    },
    **DATES_CHANGED,
)

pickup_changed = Letter(
    name="pickup_changed",
    event=HoldExtended,
    sample={
        "closed": True,
        "loans": [],
        "holds": [{"title": "Kecha va kunduz", "until_on": date(2026, 3, 31)}],
    },
    **DATES_CHANGED,
)

hold_ready = Letter(
    name="hold_ready",
    event=HoldReady,
    template="letters/hold_ready",
    recipients=_borrower,
    context=_kept,
    sample={"title": "Oʻtkan kunlar", "until_on": date(2026, 3, 22)},
    until=lambda event: event.pickup_until,
    holds=_still_kept,
    title={"en": "Books that wait for you", "uz": "Sizni kutayotgan kitoblar"},
)

hold_expired = Letter(
    name="hold_expired",
    event=HoldExpired,
    template="letters/hold_expired",
    recipients=_borrower,
    context=lambda event: {
        "title": _title(event.book_id),
        "set_aside": event.copy_id is not None,
    },
    sample={"title": "Oʻtkan kunlar", "set_aside": True},
    title={"en": "Holds that have ended", "uz": "Tugagan band qilishlar"},
)
