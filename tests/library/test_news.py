"""New titles: a letter a day with all of them, or one for each to whom asked for it."""

from __future__ import annotations

import threading
from datetime import time, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from library.catalog import books, rules
from library.members import bounces, preferences
from library.members.models import User
from library.news import announcements
from library.news.letters import KIND
from library.news.models import Announcement
from library.news.state import announcements as fold
from outbox import apply, duties, relay, routes, sequencer
from outbox.channels import letters
from outbox.models import Delivery, Event, Position

NEWS = ["new_title", "new_titles"]


def six_after(*, days):
    """Return six in the morning so many days from today."""
    today = timezone.now().replace(hour=6, minute=0, second=0, microsecond=0)
    return today + timedelta(days=days)


@pytest.fixture
def tomorrow():
    """Titles that come in today are news then, from six in the morning."""
    return six_after(days=1)


@pytest.fixture
def new_book(a_book):
    """Add a book and give it its position."""

    def make(**described):
        book_id = a_book(**described)
        sequencer.sequence_all()
        return book_id

    return make


@pytest.fixture
def owed(db):
    """Expand what happened; return to whom letters about new titles are owed."""
    routes.sync()

    def expand():
        sequencer.sequence_all()
        while relay.deliver_batch(letters):
            pass
        rows = Delivery.objects.filter(channel="emails", destination__in=NEWS)
        return sorted(rows.values_list("destination", "recipient"))

    return expand


def wish(member_id, **wishes):
    preferences.change_preferences(member_id=member_id, now=timezone.now(), **wishes)


def test_a_new_title_costs_no_letter_until_the_next_day(
    owed, a_member, new_book, tomorrow
):
    readers = [a_member() for _ in range(3)]
    for number in range(4):
        new_book(title=f"Book {number}")
    on_the_day = owed()

    announced = announcements.announce(now=tomorrow)

    assert on_the_day == []
    assert announced.titles == 4
    assert owed() == sorted(("new_titles", str(each)) for each in readers)


def test_who_asks_for_each_gets_each_at_once_and_no_digest(
    owed, a_member, new_book, tomorrow
):
    keen, calm = a_member(), a_member()
    wish(keen, at_once=[KIND])

    new_book()
    new_book()
    announcements.announce(now=tomorrow)

    each = ("new_title", str(keen))
    assert owed() == sorted([each, each, ("new_titles", str(calm))])


def test_who_cannot_be_reached_or_does_not_want_any_is_owed_none(
    owed, a_member, new_book, now, tomorrow
):
    wish(a_member(), muted=[KIND])
    wish(a_member(), muted=[KIND], at_once=[KIND])
    a_member(email="")
    a_member(email="gone@example.org")
    bounces.bounced(email="gone@example.org", now=now)
    User.objects.filter(id=a_member()).update(is_active=False)

    new_book()
    announcements.announce(now=tomorrow)

    assert owed() == []


def test_a_day_has_one_announcement_and_the_next_only_what_came_after(
    owed, new_book, tomorrow
):
    old = new_book(title="Old")
    first = announcements.announce(now=tomorrow)
    late = new_book(title="Given its position late")

    again = announcements.announce(now=tomorrow + timedelta(seconds=1))
    second = announcements.announce(now=tomorrow + timedelta(days=1))

    assert again is None
    assert (first.book_ids, second.book_ids) == ((old,), (late,))


def test_what_comes_in_today_is_not_todays_news(owed, new_book):
    new_book()

    assert announcements.announce(now=timezone.now().replace(hour=23)) is None
    assert not Announcement.objects.exists()


@pytest.mark.parametrize(("days", "is_news"), [(7, True), (8, False)])
def test_what_came_in_a_week_before_is_no_news(owed, new_book, days, is_news):
    new_book()

    assert bool(announcements.announce(now=six_after(days=days))) == is_news


def test_imported_and_withdrawn_books_are_no_news(
    owed, a_member, new_book, now, tomorrow
):
    wish(a_member(), at_once=[KIND])
    described = rules.describe(title="T", authors=["A"])
    imported = books.NewBook(described=described, source_key="csv:1")
    books.add_books(new=[imported], now=now)
    books.withdraw_book(book_id=new_book(), now=now)
    sequencer.sequence_all()

    assert announcements.announce(now=tomorrow) is None
    assert [name for name, _ in owed()] == ["new_title"]  # of the other, before it went


def test_nobody_is_woken_by_news(owed, new_book, tomorrow):
    new_book()

    assert announcements.announce(now=tomorrow - timedelta(seconds=1)) is None
    assert announcements.announce(now=tomorrow)


def test_only_the_first_of_many_are_named_and_all_are_counted(owed, new_book, tomorrow):
    made = [new_book(title=f"Book {number}") for number in range(21)]

    announced = announcements.announce(now=tomorrow)

    assert announced.titles == 21
    assert announced.book_ids == tuple(made[:20])


def test_a_day_cannot_be_announced_twice_in_the_table_either(db, tomorrow):
    row = fold.Row(day=tomorrow.date(), up_to=1, titles=1, announced_at=tomorrow)
    apply.insert(fold, [row])

    with pytest.raises(IntegrityError), transaction.atomic():
        apply.insert(fold, [row])


def test_two_relays_at_the_same_moment_announce_once(committed_db, a_book, tomorrow):
    a_book()
    sequencer.sequence_all()
    start = threading.Barrier(4)
    failed = []

    def announce():
        start.wait()
        try:
            announcements.announce(now=tomorrow)
        except Exception as error:  # noqa: BLE001 - any would be one too many
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=announce) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert Event.objects.filter(type="titles.announced").count() == 1


def test_the_relay_announces_by_itself_and_goes_on_after_a_failure(
    db, settings, monkeypatch, new_book
):
    new_book()
    Position.objects.update(known_at=timezone.now() - timedelta(days=1))
    paths = [f"{__name__}.fails", "library.news.announcements.announce_today"]
    settings.OUTBOX = {**settings.OUTBOX, "DUTIES": paths}
    monkeypatch.setattr(duties, "BETWEEN_OTHERS", 0.0)
    monkeypatch.setattr(announcements, "FROM", time(0))

    duties.Duties(lambda: False)()

    assert Event.objects.filter(type="titles.announced").count() == 1


def fails():
    raise LookupError
