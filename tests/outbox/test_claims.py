"""What is claimed when, and by how many at a time."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from outbox import claims, front, relay
from outbox.columns import Now
from outbox.errors import Fenced
from outbox.models import Attempt, Delivery, Status
from tests.outbox.made_up import a_channel, make_due, owe, tries
from tests.threads import in_thread


@pytest.fixture(autouse=True)
def looking_everywhere(monkeypatch):
    """Let each claim look everywhere, though the last one was a moment ago."""
    monkeypatch.setattr(front, "PART", 0)


def test_a_lost_claim_is_taken_over_after_its_lease(db):
    owed, channel = owe(), a_channel()
    (lost,) = relay.claim(channel)
    assert relay.claim(channel) == []

    make_due()
    relay.deliver_batch(channel)

    owed.refresh_from_db()
    assert (owed.status, owed.claim, owed.attempts) == (Status.DELIVERED, 2, 2)
    assert tries(owed) == [(1, "lost", True), (2, "delivered", False)]
    assert not claims.settle(lost, status=Status.DEAD)


def test_a_claim_lost_in_our_own_database_leaves_no_doubt(db):
    owed, channel = owe(), a_channel(IN_TRANSACTION=True)
    relay.claim(channel)
    make_due()

    relay.claim(channel)

    assert tries(owed) == [(1, "lost", False)]


def test_a_delivery_whose_claim_was_lost_goes_alone(db):
    channel = a_channel()
    lost = owe()
    relay.claim(channel)
    make_due()
    fresh = {owe().id, owe().id}

    claimed = [{each.id for each in relay.claim(channel)} for _ in range(3)]

    assert claimed == [fresh, {lost.id}, set()] or claimed == [{lost.id}, fresh, set()]


def test_nothing_is_attempted_that_would_outlive_its_lease(db):
    owed = owe()
    channel = a_channel(DEADLINE=claims.LEASE.total_seconds() + 1)

    relay.deliver_batch(channel)

    owed.refresh_from_db()
    assert channel.asked == []
    assert (owed.status, owed.attempts, owed.worker) == (Status.PENDING, 0, "")


def test_a_destination_has_its_share_and_no_more(db):
    for _ in range(20):
        owe("greedy")
    channel = a_channel(BATCH=3, PER_DESTINATION=5)

    sizes = [len(relay.claim(channel)) for _ in range(3)]

    assert sizes == [3, 2, 0]


@pytest.mark.parametrize(("workers", "room"), [(3, True), (2, False)])
def test_a_destination_has_so_many_workers_at_a_time_and_no_more(db, workers, room):
    for _ in range(3):
        owe("silent")
    soon = Now() + timedelta(seconds=30)
    first, second, _ = Delivery.objects.order_by("id")
    for held, worker in ((first, "a"), (second, "b")):
        Delivery.objects.filter(id=held.id).update(worker=worker, due_at=soon)
    owe("another")

    channel = a_channel(WORKERS=workers)
    served = {d.destination for _ in range(2) for d in relay.claim(channel)}

    assert ("silent" in served) is room
    assert "another" in served


def test_a_claim_past_its_lease_takes_up_no_room(db):
    channel = a_channel(PER_DESTINATION=1)
    lost, _ = owe(), owe()
    relay.claim(channel)
    assert relay.claim(channel) == []

    Delivery.objects.filter(id=lost.id).update(due_at=Now() - timedelta(seconds=1))

    assert len(relay.claim(channel)) == 1


def test_fresh_deliveries_go_before_retried_ones(db):
    owe("old", attempts=1)
    fresh = owe("new")

    assert relay.claim(a_channel(BATCH=1))[0].id == fresh.id


def test_a_sweep_begins_with_the_retried_ones(db):
    old = owe("old", attempts=1)
    owe("new")

    assert relay.claim(a_channel(BATCH=1), retried_first=True)[0].id == old.id


def test_a_lane_keeps_its_order(db):
    first, second = owe(lane="copy:1"), owe(lane="copy:1")
    other = owe(lane="copy:2")

    claimed = {d.id for d in relay.claim(a_channel())}
    assert claimed == {first.id, other.id}
    assert relay.claim(a_channel()) == []

    Delivery.objects.filter(id=first.id).update(status=Status.DEAD)
    assert [d.id for d in relay.claim(a_channel())] == [second.id]


def test_two_workers_never_hold_the_same_delivery(committed_db):
    for number in range(40):
        owe(f"d{number % 4}")
    channel = a_channel(BATCH=3, PER_DESTINATION=50)
    claimed = []

    def work():
        while batch := relay.claim(channel):
            claimed.extend(delivery.id for delivery in batch)

    threads = [in_thread(work) for _ in range(4)]
    for thread in threads:
        thread.join()
    while batch := relay.claim(channel):  # what a worker skipped as locked
        claimed.extend(delivery.id for delivery in batch)

    assert len(claimed) == len(set(claimed)) == 40


def test_what_never_comes_back_with_an_outcome_is_dead_in_the_end(db):
    owed, channel = owe(), a_channel()

    for _ in range(3):  # the first attempt and two retries, each of them lost
        assert len(relay.claim(channel)) == 1
        make_due()
    assert relay.claim(channel) == []

    owed.refresh_from_db()
    assert (owed.status, owed.error) == (Status.DEAD, claims.SPENT)
    assert owed.attempts == claims.attempts_allowed(channel)
    assert Attempt.objects.filter(outcome="lost").count() == 3


def test_who_dies_before_ending_what_is_spent_charges_it_no_further(db, monkeypatch):
    owed, channel = owe(), a_channel()
    for _ in range(3):
        assert len(relay.claim(channel)) == 1
        make_due()

    def dies(*args):
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(claims, "_ended", dies)
        for _ in range(2):
            with pytest.raises(RuntimeError):
                relay.claim(channel)
            make_due()
    assert relay.claim(channel) == []

    owed.refresh_from_db()
    assert owed.status == Status.DEAD
    assert owed.attempts == claims.attempts_allowed(channel)


def test_what_is_spent_is_not_attempted_though_another_ends_it(db, monkeypatch):
    owed, channel = owe(attempts=3), a_channel()
    settle = claims.settle

    def overtaken(delivery, **outcome):
        Delivery.objects.filter(id=owed.id).update(claim=7)
        return settle(delivery, **outcome)

    monkeypatch.setattr(claims, "settle", overtaken)

    assert relay.claim(channel) == []


def test_a_batch_is_for_one_destination(db):
    for number in range(12):
        owe(f"d{number % 3}")
    channel = a_channel(BATCH=4)

    batches = [relay.claim(channel) for _ in range(3)]

    found = [{each.destination for each in batch} for batch in batches]
    assert sorted(name for (name,) in found) == ["d0", "d1", "d2"]
    assert [len(batch) for batch in batches] == [4, 4, 4]


def test_a_long_backlog_keeps_nobody_else_waiting(db):
    for _ in range(30):
        owe("talkative")
    owe("quiet")
    channel = a_channel(BATCH=5, PER_DESTINATION=30)

    served = [relay.claim(channel)[0].destination for _ in range(2)]

    # Whoever was drawn first holds claims now: it is the other one's turn.
    assert sorted(served) == ["quiet", "talkative"]


def test_the_one_with_the_fewest_claims_comes_first(db):
    for name in ("busy", "idle") * 4:
        owe(name)
    held = Delivery.objects.filter(destination="busy").order_by("id")[:2]
    Delivery.objects.filter(id__in=held).update(
        worker="w", due_at=Now() + timedelta(seconds=30)
    )
    channel = a_channel(BATCH=1, PER_DESTINATION=10)

    served = [relay.claim(channel)[0].destination for _ in range(2)]

    assert served == ["idle", "idle"]


def test_chance_chooses_among_equals(db):
    """Otherwise a backlog of the first in the alphabet would be served before all."""
    channel = a_channel(BATCH=1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.5)")
    owe("first"), owe("second")

    drawn = set()
    for _ in range(20):
        (claimed,) = relay.claim(channel)
        claims.release(claimed, timedelta(0))
        drawn.add(claimed.destination)

    assert drawn == {"first", "second"}


def test_a_destination_with_nothing_due_is_passed_over(db):
    owe("waiting", due_at=timezone.now() + timedelta(hours=1))
    owe("behind", lane="copy:1", due_at=timezone.now() + timedelta(hours=1))
    owe("behind", lane="copy:1")
    due = owe("zealous")

    assert [each.id for each in relay.claim(a_channel())] == [due.id]
    assert relay.claim(a_channel()) == []


def test_what_began_to_leave_and_must_not_leave_twice_is_unknown_when_lost(db):
    owed, channel = owe(), a_channel()
    (lost,) = relay.claim(channel)
    claims.sending(lost)
    make_due()

    assert relay.claim(channel) == []

    owed.refresh_from_db()
    assert (owed.status, owed.error) == (Status.UNKNOWN, claims.DOUBTFUL)
    assert (owed.attempts, owed.worker) == (1, "")
    assert owed.finished_at is not None
    assert tries(owed) == [(1, "lost", True)]


@pytest.mark.parametrize(
    "meanwhile", [{"claim": 2}, {"status": Status.DEAD}], ids=["claimed", "ended"]
)
def test_nothing_begins_to_leave_under_a_claim_that_is_not_ours(db, meanwhile):
    owed = owe()
    (mine,) = relay.claim(a_channel())
    Delivery.objects.update(**meanwhile)

    with pytest.raises(Fenced):
        claims.sending(mine)

    owed.refresh_from_db()
    assert (owed.sending_at, mine.sending_at) == (None, None)


@pytest.mark.parametrize(("seconds", "fits"), [(9.5, True), (10.0, False)])
def test_an_attempt_fits_into_what_is_left_of_its_lease(monkeypatch, seconds, fits):
    monkeypatch.setattr(claims, "LEASE", timedelta(seconds=10))

    lease = claims.Lease.starting_now()
    after = time.monotonic()
    ends = lease.end_of(seconds)

    assert (ends is not None) == fits
    assert not fits or after + seconds <= ends < lease.ends
    assert not lease.is_over()


def test_a_lease_ends_by_the_clock(monkeypatch):
    monkeypatch.setattr(claims, "LEASE", timedelta(0))

    assert claims.Lease.starting_now().is_over()
