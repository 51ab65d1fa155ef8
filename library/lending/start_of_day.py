"""
What begins with a day: what ends on a day that was declared closed moves on, holds that
nobody came for expire, copies that came free in other ways go to who waits, members are
told of what is due soon and of what is overdue, and whose old loans were is forgotten.

Branches begin their days at different hours, so relays look every quarter of an hour,
one of them for each duty and quarter. What is due is told by the tables alone: a run
that was missed is made up by the next one, and a second one finds nothing to do.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from library.catalog.models import Branch, Copy
from library.lending import closures, history, holds, overdue, reminders, turns
from library.lending.models import DutyRun, Hold, Loan, Transit
from library.refusals import Refusal

logger = logging.getLogger(__name__)

BETWEEN_RUNS = 15  # minutes; divides an hour
KEEP_RUNS = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Done:
    """How many a duty has dealt with, and how many it could not."""

    duty: str
    done: int = 0
    failed: int = 0


def look_after() -> None:
    """Do what this quarter of an hour asks for; a duty of the relays."""
    now = timezone.now()
    slot = now.replace(
        minute=now.minute - now.minute % BETWEEN_RUNS, second=0, microsecond=0
    )
    for name in DUTIES:
        if _claim(name, slot):
            do(name, now=now)


def run(*, now: datetime) -> list[Done]:
    """Do all duties, whether or not this quarter's were done; answer how many."""
    return [do(name, now=now) for name in DUTIES]


def do(name: str, *, now: datetime) -> Done:
    """
    Deal with each entry of a duty, in a transaction of its own.

    One that fails is logged, stops no other, and is tried again with the next run. So
    is a duty that cannot even say what is due.
    """
    find, act = DUTIES[name]
    try:
        due = find(now)
    except Exception:
        logger.exception("%s failed to find what is due and will be tried again", name)
        return Done(name, failed=1)
    done = failed = 0
    for entry in due:
        try:
            act(entry, now)
            done += 1
        except Refusal:  # somebody was faster: there is nothing left to do
            continue
        except Exception:
            logger.exception("%s failed for %s and will be tried again", name, entry)
            failed += 1
    return Done(name, done, failed)


def _claim(name: str, slot: datetime) -> bool:
    """Tell whether the slot of a duty is ours; drop the rows of slots long gone."""
    if DutyRun.objects.filter(name=name, slot=slot).exists():
        return False
    with transaction.atomic():
        DutyRun.objects.filter(name=name, slot__lt=slot - KEEP_RUNS).delete()
        _, ours = DutyRun.objects.get_or_create(name=name, slot=slot)
    return ours


def _ended_holds(now: datetime) -> Iterable[UUID]:
    waited = Q(copy__isnull=True, ends_at__lt=now)
    ended = Hold.objects.open().filter(waited | Q(pickup_until__lt=now))
    return list(ended.order_by("book", "number").values_list("id", flat=True))


def _suspended_until_now(now: datetime) -> Iterable[UUID]:
    again = Hold.objects.open().filter(resumes_at__lte=now)
    return list(again.order_by("resumes_at", "id").values_list("id", flat=True))


def _books_with_copies_to_hand_out(now: datetime) -> Iterable[UUID]:
    wanted = Hold.objects.open().filter(book=OuterRef("book"), copy__isnull=True)
    wanted = wanted.filter(suspended_at__isnull=True)
    on_loan = Loan.objects.open().filter(copy=OuterRef("pk"))
    assigned = Hold.objects.assigned().filter(copy=OuterRef("pk"))
    under_way = Transit.objects.filter(copy=OuterRef("pk"))
    free = Copy.objects.sound().filter(Exists(wanted), ~Exists(on_loan))
    free = free.filter(~Exists(assigned), ~Exists(under_way))
    books = free.values_list("book", flat=True)
    return list(books.distinct().order_by("book"))


def _on_closed_days(now: datetime) -> Iterable[tuple[UUID, UUID]]:
    return list(closures.affected(Branch.objects.order_by("id"), now))


def _loans_due_soon(now: datetime) -> Iterable[UUID]:
    soon = Loan.objects.open().filter(remind_at__lte=now, due_at__gte=now)
    return list(soon.order_by("due_at", "id").values_list("id", flat=True))


def _late_loans(now: datetime) -> Iterable[UUID]:
    late = Loan.objects.overdue(now).filter(
        overdue_at__isnull=True, claimed_at__isnull=True
    )
    return list(late.order_by("due_at", "id").values_list("id", flat=True))


Find = Callable[[datetime], Iterable[Any]]
Act = Callable[[Any, datetime], Any]

DUTIES: dict[str, tuple[Find, Act]] = {
    "move_dates": (
        _on_closed_days,
        lambda entry, now: closures.move(
            branch_id=entry[0], member_ids=[entry[1]], now=now
        ),
    ),
    "expire_holds": (
        _ended_holds,
        lambda hold_id, now: holds.expire_hold(hold_id=hold_id, now=now),
    ),
    "resume_holds": (
        _suspended_until_now,
        lambda hold_id, now: turns.resume_in_time(hold_id=hold_id, now=now),
    ),
    "hand_out_copies": (
        _books_with_copies_to_hand_out,
        lambda book_id, now: holds.hand_out(book_id=book_id, now=now),
    ),
    "remember_loans": (
        _loans_due_soon,
        lambda loan_id, now: reminders.remember(loan_id=loan_id, now=now),
    ),
    "mark_overdue": (
        _late_loans,
        lambda loan_id, now: overdue.mark_overdue(loan_id=loan_id, now=now),
    ),
    "forget_borrowers": (
        history.to_forget,
        lambda loan_id, now: history.forget_borrower(loan_id=loan_id, now=now),
    ),
}
