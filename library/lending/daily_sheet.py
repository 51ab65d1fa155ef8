"""
What a branch has to see to on a day: a question to lending's own tables.

No fold: holds, loans, ways and marks already say all of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef

from library.catalog.models import Branch, Copy
from library.lending import lost
from library.lending.hold_models import Hold, HoldQuerySet
from library.lending.models import Loan, Transit

MOST = 100  # lines of each part; `count` says how many there are
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A copy to see to: since when, until when at most, for which hold or loan."""

    copy: Copy
    since: datetime | None = None
    until: datetime | None = None
    hold_id: UUID | None = None
    loan_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the sheet: how many lines it has, and the first of them."""

    count: int
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class Today:
    """A day at a branch, from its first moment up to the next day's, and the clock."""

    branch: Branch
    begins: datetime
    ends: datetime
    now: datetime


def of(branch: Branch, day: date, now: datetime) -> dict[str, Part]:
    """
    Return the parts of a branch's sheet, by name; the longest waiting first.

    `pull`: set aside today, to be put where it is picked up; `clear`: was there, and
    since today is not waited for; `leaving` and `arriving`: under way; `overdue`:
    should be back; `sought`: missing, or said to be back.
    """
    today = Today(
        branch=branch,
        begins=branch.calendar.end_of(day - DAY) + SECOND,
        ends=branch.calendar.end_of(day) + SECOND,
        now=now,
    )
    return {
        name: Part(rows.count(), [line(row) for row in rows[:MOST]])
        for name, find, line in _PARTS
        for rows in [find(today)]
    }


def _pull(today: Today) -> HoldQuerySet:
    ready = Hold.objects.ready().filter(
        branch=today.branch, ready_at__gte=today.begins, ready_at__lt=today.ends
    )
    return ready.select_related("copy__book").order_by("ready_at", "id")


def _clear(today: Today) -> HoldQuerySet:
    over = Hold.objects.filter(
        branch=today.branch,
        pickup_until__isnull=False,
        outcome__in=("expired", "cancelled"),
        closed_at__gte=today.begins,
        closed_at__lt=today.ends,
    )
    others = Hold.objects.assigned().filter(copy=OuterRef("copy"))
    on_loan = Loan.objects.open().filter(copy=OuterRef("copy"))
    left = over.filter(~Exists(others), ~Exists(on_loan))
    return left.select_related("copy__book").order_by("closed_at", "id")


def _leaving(today: Today) -> Any:
    return _under_way().filter(from_branch=today.branch)


def _arriving(today: Today) -> Any:
    return _under_way().filter(to_branch=today.branch)


def _under_way() -> Any:
    rows = Transit.objects.with_holds().select_related("copy__book")
    return rows.order_by("sent_at", "id")


def _overdue(today: Today) -> Any:
    late = Loan.objects.overdue(today.now).filter(
        branch=today.branch, claimed_at__isnull=True
    )
    return late.select_related("copy__book").order_by("due_at", "id")


def _sought(today: Today) -> Any:
    rows = lost.sought().filter(branch=today.branch)
    return rows.select_related("book").order_by("barcode", "id")


def _to_pull(row: Any) -> Line:
    return Line(
        copy=row.copy, since=row.ready_at, until=row.pickup_until, hold_id=row.id
    )


def _to_clear(row: Any) -> Line:
    return Line(copy=row.copy, since=row.closed_at, hold_id=row.id)


def _way(row: Any) -> Line:
    return Line(copy=row.copy, since=row.sent_at, hold_id=row.hold_id)


def _late(row: Loan) -> Line:
    return Line(copy=row.copy, since=row.due_at, loan_id=row.id)


def _to_seek(row: Any) -> Line:
    return Line(copy=row, loan_id=row.loan_id)


_PARTS: tuple[tuple[str, Callable[[Today], Any], Callable[[Any], Line]], ...] = (
    ("pull", _pull, _to_pull),
    ("clear", _clear, _to_clear),
    ("leaving", _leaving, _way),
    ("arriving", _arriving, _way),
    ("overdue", _overdue, _late),
    ("sought", _sought, _to_seek),
)
