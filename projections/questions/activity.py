"""How much is lent, by which branch, to whom, and what is lent most?"""

from __future__ import annotations

from dataclasses import replace

from library.lending.events import CopyBorrowed
from outbox.folds import Fold, Row
from projections.tallies import Activity, TitleLent


def _day(event: CopyBorrowed) -> list[str]:
    day = event.borrowed_at.date()
    return [f"{day}/{event.category}/{event.branch_id or ''}"]


activity = Fold(Activity, key="key")


@activity.on(CopyBorrowed, keys=_day)
def _(row: Row | None, event: CopyBorrowed, key: str) -> Row:
    so_far = row or activity.Row(
        key=key,
        day=event.borrowed_at.date(),
        branch_id=event.branch_id,
        category=event.category,
    )
    return replace(so_far, loans=so_far.loans + 1)


def _month(event: CopyBorrowed) -> list[str]:
    return [f"{event.borrowed_at:%Y-%m}/{event.book_id}"]


titles_lent = Fold(TitleLent, key="key")


@titles_lent.on(CopyBorrowed, keys=_month)
def _(row: Row | None, event: CopyBorrowed, key: str) -> Row:
    so_far = row or titles_lent.Row(
        key=key, month=event.borrowed_at.date().replace(day=1), book_id=event.book_id
    )
    return replace(so_far, loans=so_far.loans + 1)


for each in (activity, titles_lent):
    each.ignore("book.created", "book.updated", "book.deleted")
    each.ignore("book.lost", "return.claimed", "fee.reversed")
    each.ignore("copy.sent", "copy.arrived", "hold.requeued")
    each.ignore("copy.added", "copy.moved", "copy.marked", "copy.removed")
    each.ignore("user.registered", "user.updated", "category.described")
    each.ignore("user.blocked", "user.unblocked", "user.extended")
    each.ignore(
        "book.renewed", "book.returned", "book.overdue", "user.erased", "loan.forgotten"
    )
    each.ignore(
        "hold.placed",
        "hold.suspended",
        "hold.resumed",
        "hold.moved",
        "hold.ready",
        "hold.cancelled",
        "hold.expired",
    )
    each.ignore("book.due_soon", "book.due_changed", "hold.extended")
    each.ignore("fee.charged", "fee.settled")
    each.ignore("branch.described", "policy.set", "titles.announced")
    each.ignore("endpoint.failed", "endpoint.recovered", "endpoint.switched_off")
