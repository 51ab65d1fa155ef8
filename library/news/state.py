"""How each fact changes the tables of the news."""

from __future__ import annotations

from library.news.events import TitlesAnnounced
from library.news.models import Announcement
from outbox.folds import Fold, Row

announcements = Fold(Announcement, key="day")


@announcements.on(TitlesAnnounced)
def _(row: None, event: TitlesAnnounced) -> Row:
    return announcements.Row(
        day=event.day,
        up_to=event.up_to,
        titles=event.titles,
        announced_at=event.announced_at,
    )


OTHERS = (
    "fee.charged",
    "fee.settled",
    "fee.reversed",
    "book.overdue",
    "loan.forgotten",
    "book.due_soon",
    "book.due_changed",
    "hold.extended",
    "endpoint.failed",
    "endpoint.recovered",
    "endpoint.switched_off",
    "book.created",
    "book.updated",
    "book.deleted",
    "branch.described",
    "copy.added",
    "copy.moved",
    "copy.marked",
    "copy.removed",
    "user.registered",
    "user.updated",
    "user.erased",
    "user.blocked",
    "user.unblocked",
    "user.extended",
    "category.described",
    "policy.set",
    "book.borrowed",
    "book.renewed",
    "book.returned",
    "copy.sent",
    "copy.arrived",
    "book.lost",
    "return.claimed",
    "hold.placed",
    "hold.suspended",
    "hold.resumed",
    "hold.moved",
    "hold.ready",
    "hold.requeued",
    "hold.cancelled",
    "hold.expired",
)
announcements.ignore(*OTHERS)
