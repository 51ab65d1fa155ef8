"""
New titles as the news of a day, once: one letter to a member, not one for each book.

A day's news is what came in before it. Titles are taken by their position in the log,
which follows the commits, so that none is left out and none is told twice.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max, Min
from django.utils import timezone

from library.advance import advance
from library.catalog.events import BookCreated
from library.catalog.models import Book
from library.news.events import TitlesAnnounced
from library.news.models import Announcement
from outbox import codec, gate
from outbox.models import Event, Position

ANNOUNCER = 0x6E657773  # "news": one at a time in a database
FROM = time(6)  # o'clock: nobody is woken by news
NEWS = timedelta(days=7)  # what is older is none
MOST_NAMED = 20


def announce_today() -> None:
    """Announce what is new, unless that was done today; a duty of the relays."""
    announce(now=timezone.now())


@transaction.atomic
def announce(*, now: datetime) -> TitlesAnnounced | None:
    """
    Say which titles came in before today, once a day and not before morning.

    None where there is no news, or it was said.

    Imported books are none: whoever brings over a catalogue has nothing new in it.
    """
    local = timezone.localtime(now)
    day = local.date()
    if local.time() < FROM:
        return None
    gate.enter()
    if not _is_my_turn() or Announcement.objects.filter(day=day).exists():
        return None
    midnight = timezone.make_aware(datetime.combine(day, time()))
    up_to, book_ids = _came_in(before=midnight)
    if not book_ids:
        return None
    announced = TitlesAnnounced(
        day=day,
        announced_at=now,
        up_to=up_to,
        titles=len(book_ids),
        book_ids=tuple(book_ids[:MOST_NAMED]),
    )
    advance(announced)
    return announced


def _came_in(*, before: datetime) -> tuple[int, list[UUID]]:
    """Return up to where the log was read, and the books that are still there."""
    last = Announcement.objects.aggregate(last=Max("up_to"))["last"] or 0
    placed = Position.objects.filter(
        known_at__gte=before - NEWS, known_at__lt=before, position__gt=last
    )
    ends = placed.aggregate(first=Min("position"), last=Max("position"))
    if ends["last"] is None:
        return last, []
    created = Event.objects.filter(
        type__in=codec.stored_as(BookCreated.type),
        data__source_key=None,
        seq__in=placed.values("seq"),
    )
    in_order = created.order_by("seq").values_list("data__book_id", flat=True)
    ids = [UUID(each) for each in in_order]
    live = set(Book.objects.live().filter(id__in=ids).values_list("id", flat=True))
    return ends["last"], [each for each in ids if each in live]


def _is_my_turn() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [ANNOUNCER])
        return bool(cursor.fetchone()[0])
