from __future__ import annotations

import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import transaction
from django_outbox_pattern.models import Published

from outbox import duties, points, replays, retention
from outbox.audit import audit
from outbox.columns import Now
from outbox.duties import Duties
from outbox.models import Attempt, Delivery, Event, Position, Status, Tally
from tests.outbox.owing import change, ended, owe
from tests.threads import at_once, in_thread, wait_until_it_waits

PATIENCE = 20
MONTH = timedelta(days=30)


@pytest.fixture(autouse=True)
def nobody_listens():
    yield
    points.listen(None)


@pytest.fixture
def small_batches(monkeypatch):
    """Two events for each transaction of a pruning."""
    monkeypatch.setattr(retention, "BATCH", 2)


def age(**ago):
    """Let every outbox row be so old."""
    Published.objects.update(added=Now() - timedelta(**ago))


def old(now, status=Status.DELIVERED, **more):
    """Owe a delivery that ended 31 days ago, with an attempt; return it."""
    owed = ended(now, status, **{"days_ago": 31, **more})
    Attempt.objects.create(delivery=owed, claim=1, outcome="delivered", worker="w")
    age(days=31)
    return owed


@pytest.mark.parametrize("status", [Status.DELIVERED, Status.DEAD, Status.UNKNOWN])
def test_what_ended_before_the_window_is_pruned_with_all_that_hangs_on_it(
    db, now, status
):
    old(now, status)

    pruned = retention.prune(keep=MONTH)

    assert pruned == retention.Pruned(1, 1, 1, finished=True)
    for model in (Delivery, Attempt, Published):
        assert not model.objects.exists()
    assert Event.objects.count() == Position.objects.count() == 1


def test_what_is_pruned_is_counted(db, now):
    for status in (Status.DELIVERED, Status.DELIVERED, Status.DEAD):
        old(now, status, channel="letters", children=2)

    retention.prune(keep=MONTH)
    old(now, Status.DEAD, channel="letters")
    retention.prune(keep=MONTH)

    counted = Tally.objects.values_list("status", "deliveries", "children")
    assert sorted(counted) == [("dead", 2, 2), ("delivered", 2, 4)]


def test_what_is_pending_is_never_pruned_however_old(db, now):
    old(now)
    ages_ago = Now() - timedelta(days=900)
    owe(now, created_at=ages_ago, finished_at=ages_ago)  # a hand was at it
    age(days=900)

    retention.prune(keep=timedelta(days=1))

    assert Delivery.objects.get().status == Status.PENDING
    assert Published.objects.count() == 1


@pytest.mark.parametrize(
    "sibling",
    [
        {"status": Status.PENDING},
        {"status": Status.DEAD, "finished_at": None},
        {"status": Status.DEAD, "finished_at": Now() - timedelta(days=29)},
    ],
)
def test_an_event_goes_as_a_whole_or_not_at_all(db, now, sibling):
    owed = old(now)
    Delivery.objects.create(
        event_id=owed.event_id,
        position=owed.position,
        channel="webhooks",
        destination="office",
        **sibling,
    )

    retention.prune(keep=MONTH)

    assert Delivery.objects.count() == 2
    assert Published.objects.count() == 1
    assert not Tally.objects.exists()


@pytest.mark.parametrize(("days", "left"), [(29.9, 1), (30.1, 0)])
def test_the_window_has_two_sides(db, now, days, left):
    old(now, days_ago=days)

    retention.prune(keep=MONTH)

    assert Delivery.objects.count() == left


def test_a_message_nobody_wanted_is_pruned_when_it_is_old(db, now):
    owed = owe(now)
    Delivery.objects.filter(id=owed.id).delete()

    retention.prune(keep=MONTH)
    assert Published.objects.exists()

    age(days=31)
    retention.prune(keep=MONTH)
    assert not Published.objects.exists()


def test_an_event_without_a_position_keeps_its_message(db, now, a_book):
    a_book()
    age(days=900)

    assert retention.prune(keep=MONTH).events == 0

    # And not by its status alone, should a hand have changed that.
    Published.objects.update(status=2)
    assert retention.prune(keep=MONTH).events == 0
    assert Published.objects.exists()


def test_it_walks_past_what_must_stay(db, now, small_batches):
    for _ in range(5):
        owe(now)
        old(now)
    age(days=31)

    pruned = retention.prune(keep=MONTH)

    assert (pruned.events, pruned.finished) == (5, True)
    assert Delivery.objects.count() == 5


def test_messages_of_one_moment_are_all_looked_at(db, now, small_batches):
    for _ in range(5):
        old(now)
    moment = Published.objects.first().added
    Published.objects.update(added=moment)

    assert retention.prune(keep=MONTH).events == 5


def test_a_batch_costs_two_queries(db, now, django_assert_num_queries):
    for _ in range(5):
        old(now)

    with django_assert_num_queries(1 + 2 + 2):  # the moment; and the savepoint
        retention.prune(keep=MONTH)


def test_a_dry_run_counts_and_takes_it_back(committed_db, now, small_batches):
    for _ in range(3):
        old(now)

    assert retention.prune(keep=MONTH, dry_run=True).deliveries == 3

    assert Delivery.objects.count() == Published.objects.count() == 3
    assert not Tally.objects.exists()


def test_a_pruning_that_is_killed_leaves_sums_that_agree(
    committed_db, now, small_batches
):
    for _ in range(4):
        old(now)
    passed = []

    def kill_at_the_second(name):
        passed.append(name)
        if passed.count("after_prune_before_commit") == 2:
            raise KeyboardInterrupt

    points.listen(kill_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        retention.prune(keep=MONTH)
    points.listen(None)

    assert Delivery.objects.count() == 2
    assert Tally.objects.get().deliveries == 2
    assert audit() == []


def test_what_starts_anew_at_this_moment_keeps_all_of_its_event(committed_db, now):
    owed = old(now, Status.DEAD)
    sibling = Delivery.objects.create(
        event_id=owed.event_id,
        position=owed.position,
        channel="webhooks",
        destination="office",
        status=Status.DELIVERED,
        finished_at=owed.finished_at,
    )
    pruned = []

    with transaction.atomic():
        replays.retry([owed.id])
        pruner = in_thread(lambda: pruned.append(retention.prune(keep=MONTH)))
        wait_until_it_waits(pruner)
    pruner.join(PATIENCE)

    assert [each.events for each in pruned] == [0]
    owed.refresh_from_db()
    sibling.refresh_from_db()
    assert owed.status == Status.PENDING


def test_one_at_a_time_prunes(committed_db, now):
    old(now)
    held, go_on = threading.Event(), threading.Event()

    def hold(name):
        held.set()
        go_on.wait(PATIENCE)

    points.listen(hold)
    first = in_thread(lambda: retention.prune(keep=MONTH))
    assert held.wait(PATIENCE)
    points.listen(None)
    second = retention.prune(keep=MONTH, wait=False)
    go_on.set()
    first.join(PATIENCE)

    assert second == retention.Pruned()
    assert Tally.objects.get().deliveries == 1


def test_many_who_prune_count_everything_once(committed_db, now, small_batches):
    for _ in range(9):
        old(now)

    at_once(3, lambda number: retention.prune(keep=MONTH))

    assert Tally.objects.get().deliveries == 9
    assert audit() == []


@pytest.mark.parametrize("bound", [{"seconds": 0.0}, {"stopped": lambda: True}])
def test_a_round_is_bounded(db, now, bound):
    old(now)

    assert retention.prune(keep=MONTH, **bound) == retention.Pruned()


# --- The duty of a relay ----------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    """The clock the duties go by."""
    time = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(duties.time, "monotonic", lambda: time.now)
    return time


@pytest.fixture
def rounds(monkeypatch):
    """The moments at which a relay prunes, and what it is told."""
    asked, answers = [], [retention.Pruned(finished=True)]

    def prune(**how):
        asked.append(how)
        if isinstance(answers[-1], Exception):
            raise answers[-1]
        return answers[-1]

    monkeypatch.setattr(duties.retention, "prune", prune)
    return SimpleNamespace(asked=asked, answer=answers.append)


def test_a_relay_prunes_once_an_hour(db, clock, rounds, settings):
    settings.OUTBOX = {**settings.OUTBOX, "KEEP_DAYS": 9}
    relay = Duties(stopped=lambda: False)

    counts = []
    for seconds in (0, 59, 2, 3590, 11):
        clock.now += seconds
        relay()
        counts.append(len(rounds.asked))

    assert counts == [0, 0, 1, 1, 2]
    assert rounds.asked[0]["keep"] == timedelta(days=9)
    assert rounds.asked[0]["wait"] is False


def test_a_relay_comes_back_soon_where_more_is_left(db, clock, rounds):
    relay = Duties(stopped=lambda: False)
    rounds.answer(retention.Pruned(events=1))

    for seconds in (61, 61):
        clock.now += seconds
        relay()

    assert len(rounds.asked) == 2


def test_a_pruning_that_failed_is_not_tried_every_second(db, clock, rounds):
    relay = Duties(stopped=lambda: False)
    rounds.answer(OSError("no database"))
    clock.now += 61

    with pytest.raises(OSError, match="no database"):
        relay()
    relay()

    assert len(rounds.asked) == 1


def test_a_real_round_of_a_relay_prunes(db, now, clock):
    old(now)
    relay = Duties(stopped=lambda: False)

    clock.now += 61
    relay()

    assert not Delivery.objects.exists()


def test_a_delivery_changed_by_hand_is_counted_as_it_is(db, now):
    change(old(now), status=Status.UNKNOWN)

    retention.prune(keep=MONTH)

    assert Tally.objects.get().status == Status.UNKNOWN
