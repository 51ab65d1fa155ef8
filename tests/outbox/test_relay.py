from __future__ import annotations

import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import OperationalError, connection
from django.db.models import F

from outbox import claims, relay
from outbox.channels.contract import DELIVERED, Outcome
from outbox.ids import new_id
from outbox.models import Attempt, Delivery, Now, Route, Status
from tests.threads import in_thread

FAILED = Outcome(delivered=False, name="http_5xx", answer="try later", http_status=503)
_positions = iter(range(1, 10_000))


@pytest.fixture
def a_channel():
    """A channel that does what the test says, and notes what it was asked."""

    def make(deliver=lambda delivery: DELIVERED, **more):
        asked = []

        def noting(delivery):
            asked.append(delivery)
            return deliver(delivery)

        return SimpleNamespace(
            **{
                "NAME": "test",
                "DEADLINE": 10.0,
                "RETRIES": (1, 10),
                "IN_TRANSACTION": False,
                "BATCH": 10,
                "PER_DESTINATION": 5,
                "deliver": noting,
                "asked": asked,
                "routes": lambda: (),
                **more,
            }
        )

    return make


def owe(destination="one", **more):
    return Delivery.objects.create(
        event_id=new_id(),
        position=next(_positions),
        channel="test",
        destination=destination,
        **more,
    )


def make_due():
    """Let every lease and every pause be over."""
    Delivery.objects.update(due_at=Now() - timedelta(seconds=1))


def test_what_is_owed_is_delivered_once(db, a_channel):
    owed, channel = owe(), a_channel()

    assert relay.deliver_batch(channel) == 1
    make_due()
    assert relay.deliver_batch(channel) == 0

    owed.refresh_from_db()
    assert (owed.status, owed.worker) == (Status.DELIVERED, "")
    assert owed.finished_at is not None
    assert Attempt.objects.get().outcome == "delivered"


def test_a_claim_is_committed_and_charged_before_the_attempt(committed_db, a_channel):
    seen = []

    def look(delivery):
        in_thread(
            lambda: seen.append(Delivery.objects.values_list("claim", "attempts").get())
        ).join()
        return DELIVERED

    owe()
    relay.deliver_batch(a_channel(look))

    assert seen == [(1, 1)]


def test_no_transaction_is_open_during_an_attempt(committed_db, a_channel):
    open_ones = []
    channel = a_channel(
        lambda delivery: open_ones.append(connection.in_atomic_block) or DELIVERED
    )
    owe()

    relay.deliver_batch(channel)

    assert open_ones == [False]


def test_a_stale_outcome_is_fenced_off(db, a_channel):
    owed = owe()

    def overtaken(delivery):
        Delivery.objects.filter(id=delivery.id).update(claim=F("claim") + 1)
        return DELIVERED

    relay.deliver_batch(a_channel(overtaken))

    owed.refresh_from_db()
    assert owed.status == Status.PENDING
    assert not Attempt.objects.exists()


def test_an_effect_in_our_database_is_undone_with_its_fenced_outcome(
    committed_db, a_channel
):
    owe()

    def overtaken(delivery):
        Route.objects.create(channel="effect", destination="x", event_type="y")
        in_thread(
            lambda: Delivery.objects.filter(id=delivery.id).update(claim=F("claim") + 1)
        ).join()
        return DELIVERED

    relay.deliver_batch(a_channel(overtaken, IN_TRANSACTION=True))

    assert not Route.objects.filter(channel="effect").exists()
    assert Delivery.objects.get().status == Status.PENDING


def test_effect_and_outcome_commit_together(committed_db, a_channel, monkeypatch):
    owe()

    def effect(delivery):
        Route.objects.create(channel="effect", destination="x", event_type="y")
        return DELIVERED

    def fail(*args, **kwargs):
        raise OperationalError("the server went away")

    monkeypatch.setattr(relay, "_settled", fail)
    relay.deliver_batch(a_channel(effect, IN_TRANSACTION=True))

    assert not Route.objects.filter(channel="effect").exists()


def test_a_failed_effect_leaves_nothing_but_its_attempt(db, a_channel):
    owed = owe()

    def effect(delivery):
        Route.objects.create(channel="effect", destination="x", event_type="y")
        raise ValueError("half done")

    relay.deliver_batch(a_channel(effect, IN_TRANSACTION=True))

    owed.refresh_from_db()
    assert not Route.objects.filter(channel="effect").exists()
    assert owed.error == f"ValueError: {Attempt.objects.get().answer}"
    assert Attempt.objects.get().outcome == "ValueError"


def test_a_failure_waits_for_its_schedule_and_then_ends(db, a_channel):
    owed, channel = owe(), a_channel(lambda delivery: FAILED)

    for _ in range(3):
        assert relay.deliver_batch(channel) == 1
        assert relay.deliver_batch(channel) == 0
        make_due()

    owed.refresh_from_db()
    assert (owed.status, owed.attempts) == (Status.DEAD, 3)
    assert Attempt.objects.filter(http_status=503).count() == 3


def test_a_failure_of_our_own_costs_no_attempt(db, a_channel):
    def no_database(delivery):
        raise OperationalError("the server went away")

    owed = owe()
    relay.deliver_batch(a_channel(no_database))

    owed.refresh_from_db()
    assert (owed.claim, owed.attempts) == (1, 0)


def test_a_lost_claim_is_taken_over_after_its_lease(db, a_channel):
    owed, channel = owe(), a_channel()
    (lost,) = relay.claim(channel)
    assert relay.claim(channel) == []

    make_due()
    relay.deliver_batch(channel)

    owed.refresh_from_db()
    assert (owed.status, owed.claim, owed.attempts) == (Status.DELIVERED, 2, 2)
    assert list(Attempt.objects.order_by("claim").values_list("claim", "outcome")) == [
        (1, "lost"),
        (2, "delivered"),
    ]
    assert not claims.settle(lost, status=Status.DEAD)


def test_a_delivery_whose_claim_was_lost_goes_alone(db, a_channel):
    channel = a_channel()
    lost = owe("poison")
    relay.claim(channel)
    make_due()
    for name in ("one", "two"):
        owe(name)

    (alone,) = relay.claim(channel)

    assert alone.id == lost.id
    assert len(relay.claim(channel)) == 2


def test_nothing_is_attempted_that_would_outlive_its_lease(db, a_channel):
    owed = owe()
    channel = a_channel(DEADLINE=claims.LEASE.total_seconds() + 1)

    relay.deliver_batch(channel)

    owed.refresh_from_db()
    assert channel.asked == []
    assert (owed.status, owed.attempts, owed.worker) == (Status.PENDING, 0, "")


def test_a_destination_has_its_share_and_no_more(db, a_channel):
    for _ in range(20):
        owe("greedy")
    owe("modest")

    claimed = relay.claim(a_channel(BATCH=100, PER_DESTINATION=5))

    assert sorted(d.destination for d in claimed) == ["greedy"] * 5 + ["modest"]
    assert relay.claim(a_channel(BATCH=100, PER_DESTINATION=5)) == []


def test_fresh_deliveries_go_before_retried_ones(db, a_channel):
    owe("old", attempts=1)
    fresh = owe("new")

    assert relay.claim(a_channel(BATCH=1))[0].id == fresh.id


def test_a_sweep_begins_with_the_retried_ones(db, a_channel):
    old = owe("old", attempts=1)
    owe("new")

    assert relay.claim(a_channel(BATCH=1), retried_first=True)[0].id == old.id


def test_a_lane_keeps_its_order(db, a_channel):
    first, second = owe(lane="copy:1"), owe(lane="copy:1")
    other = owe(lane="copy:2")

    claimed = {d.id for d in relay.claim(a_channel())}
    assert claimed == {first.id, other.id}
    assert relay.claim(a_channel()) == []

    Delivery.objects.filter(id=first.id).update(status=Status.DEAD)
    assert [d.id for d in relay.claim(a_channel())] == [second.id]


def test_two_workers_never_hold_the_same_delivery(committed_db, a_channel):
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


def test_an_answer_that_asks_to_wait_is_heard(db, a_channel):
    owed = owe()
    later = Outcome(delivered=False, name="throttled", retry_after=3600)

    relay.deliver_batch(a_channel(lambda delivery: later))

    owed.refresh_from_db()
    assert owed.due_at - owed.created_at > timedelta(seconds=3599)


def test_a_stop_gives_back_what_was_claimed_and_not_begun(db, a_channel, monkeypatch):
    monkeypatch.setattr(relay, "stopping", threading.Event())
    owe(), owe()

    def stop(delivery):
        relay.stopping.set()
        return DELIVERED

    channel = a_channel(stop)
    assert not relay.drain(channel)

    assert len(channel.asked) == 1
    given_back = Delivery.objects.get(status=Status.PENDING)
    assert (given_back.attempts, given_back.worker) == (0, "")


def test_what_never_comes_back_with_an_outcome_is_dead_in_the_end(db, a_channel):
    owed, channel = owe(), a_channel()

    for _ in range(3):  # the first attempt and two retries, each of them lost
        assert len(relay.claim(channel)) == 1
        make_due()
    assert relay.claim(channel) == []

    owed.refresh_from_db()
    assert (owed.status, owed.error) == (Status.DEAD, claims.SPENT)
    assert Attempt.objects.filter(outcome="lost").count() == 3


def test_what_a_receiver_says_when_it_fails_is_not_kept(db, a_channel, caplog):
    email = "@".join(("anna", "example.org"))

    def fail(delivery):
        raise ValueError(f"Key (email)=({email}) \0 already exists")

    owed = owe()
    relay.deliver_batch(a_channel(fail))

    owed.refresh_from_db()
    kept = f"{owed.error} {Attempt.objects.get().answer} {caplog.text}"
    assert email not in kept
    assert "ValueError: at test_relay.py:" in kept


def test_an_outcome_that_cannot_be_written_holds_up_nobody_else(
    db, a_channel, monkeypatch
):
    first, second = owe(), owe()
    conclude = relay._conclude

    def fails_for_the_first(channel, delivery, *rest):
        if delivery.id == first.id:
            raise OperationalError("the server went away")
        conclude(channel, delivery, *rest)

    monkeypatch.setattr(relay, "_conclude", fails_for_the_first)
    relay.deliver_batch(a_channel())

    second.refresh_from_db()
    assert second.status == Status.DELIVERED


def test_a_receivers_own_slow_query_costs_it_an_attempt(db, a_channel):
    def slow(delivery):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '20ms'")
            cursor.execute("SELECT pg_sleep(5)")

    owed = owe()
    relay.deliver_batch(a_channel(slow, IN_TRANSACTION=True))

    owed.refresh_from_db()
    assert owed.attempts == 1
    assert "57014" in owed.error


def test_destinations_take_turns(db, a_channel):
    for _ in range(30):
        owe("talkative")
    owe("quiet")

    claimed = relay.claim(a_channel(BATCH=10, PER_DESTINATION=10))

    assert "quiet" in [each.destination for each in claimed[:2]]
    assert len(claimed) == 10


def test_an_attempt_that_outlives_its_lease_is_known(db, a_channel, monkeypatch):
    known = []
    monkeypatch.setattr(claims, "LEASE", timedelta(0))
    owe()

    channel = a_channel(DEADLINE=-1.0)
    channel.deliver = lambda delivery: known.append(relay.overdue()) or DELIVERED
    relay.deliver_batch(channel)

    assert known == [True]
    assert not relay.overdue()
