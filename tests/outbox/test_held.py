"""Successes that are written down together, and what is not left to wait for others."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest
from django.db import OperationalError, connection
from django.db.models import F
from django.utils.timezone import now

from outbox import front, held, outcomes, points, relay
from outbox.channels.contract import DELIVERED, Outcome
from outbox.models import Attempt, Delivery, Destination, Status
from tests.outbox.made_up import FAILED, a_channel, owe, tries
from tests.threads import in_thread

PATIENCE = 20


@pytest.fixture(autouse=True)
def looking_everywhere(monkeypatch):
    """Let each claim look everywhere, though the last one was a moment ago."""
    monkeypatch.setattr(front, "PART", 0)


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Hold on, however busy the machine is, unless a test says otherwise."""
    monkeypatch.setattr(held, "QUICK", PATIENCE)
    monkeypatch.setattr(held, "LONGEST", PATIENCE)


def delivered():
    """Return how many are known to be delivered."""
    return Delivery.objects.filter(status=Status.DELIVERED).count()


def noting(seen, *outcomes):
    """Deliver with these outcomes in turn, noting how many were written down before."""
    left = iter(outcomes)

    def deliver(delivery):
        seen.append(delivered())
        return next(left)

    return deliver


def test_what_succeeds_is_written_down_at_the_end_of_its_batch(db):
    owed, seen = [owe() for _ in range(3)], []

    relay.deliver_batch(a_channel(noting(seen, *[DELIVERED] * 3)))

    assert (seen, delivered()) == ([0, 0, 0], 3)
    for each in owed:
        each.refresh_from_db()
        assert (each.worker, each.error) == ("", "")
        assert each.finished_at is not None
        assert tries(each) == [(1, "delivered", False)]


def test_each_keeps_its_own_answer(db):
    said = [
        Outcome(delivered=True, name=f"ok{n}", http_status=200 + n, answer=f"no. {n}")
        for n in range(3)
    ]
    owed, left = [owe() for _ in range(3)], iter(said)

    relay.deliver_batch(a_channel(lambda delivery: next(left)))

    rows = Attempt.objects.order_by("delivery").values_list(
        "delivery", "outcome", "http_status", "answer"
    )
    assert list(rows) == [
        (each.id, f"ok{n}", 200 + n, f"no. {n}") for n, each in enumerate(owed)
    ]
    assert all(each.seconds is not None for each in Attempt.objects.all())


def test_a_failure_is_written_down_at_once_after_what_was_held(db):
    seen = []
    for _ in range(3):
        owe()

    relay.deliver_batch(a_channel(noting(seen, DELIVERED, FAILED, DELIVERED)))

    assert seen == [0, 0, 1]
    assert Attempt.objects.count() == 3


@pytest.mark.parametrize("bound", ["QUICK", "LONGEST"])
def test_nothing_is_held_where_attempts_take_their_time(db, monkeypatch, bound):
    monkeypatch.setattr(held, bound, -1.0)
    seen = []
    for _ in range(3):
        owe()

    relay.deliver_batch(a_channel(noting(seen, *[DELIVERED] * 3)))

    assert seen == [0, 1, 2]


def test_what_must_not_leave_twice_is_not_held(db):
    seen = []
    for _ in range(2):
        owe()

    def deliver(delivery):
        seen.append(delivered())
        delivery.sending_at = now()
        return DELIVERED

    relay.deliver_batch(a_channel(deliver))

    assert seen == [0, 1]


def test_an_attempt_that_stalls_holds_up_nobody_elses_outcome(
    committed_db, monkeypatch
):
    monkeypatch.setattr(held, "LONGEST", 0.05)
    there = threading.Event()
    first, _ = owe(), owe()

    def deliver(delivery):
        ends = time.monotonic() + PATIENCE
        while delivery.id != first.id and not delivered():
            if time.monotonic() > ends:
                return FAILED
            time.sleep(0.01)
        there.set()
        return DELIVERED

    relay.deliver_batch(a_channel(deliver))

    assert delivered() == 2
    assert tries(first) == [(1, "delivered", False)]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend'"
        )
        assert cursor.fetchone() == (1,)  # who wrote it has hung up again


def test_who_cannot_write_it_meanwhile_leaves_it_to_its_thread(
    committed_db, monkeypatch
):
    monkeypatch.setattr(held, "LONGEST", 0.01)
    succeeded, mine = outcomes.succeeded, threading.get_ident()
    failed = threading.Event()

    def fails_elsewhere(*args):
        if threading.get_ident() != mine:
            failed.set()
            raise OperationalError("the server went away")
        return succeeded(*args)

    monkeypatch.setattr(outcomes, "succeeded", fails_elsewhere)
    first, _ = owe(), owe()
    relay.deliver_batch(
        a_channel(
            lambda delivery: (
                (delivery.id == first.id or failed.wait(PATIENCE)) and DELIVERED
            )
        )
    )

    assert delivered() == 2


def test_one_that_was_overtaken_is_fenced_off_and_takes_no_other_with_it(db):
    owed = [owe() for _ in range(3)]

    def deliver(delivery):
        if delivery.id == owed[2].id:
            Delivery.objects.filter(id=owed[1].id).update(claim=F("claim") + 1)
        return DELIVERED

    relay.deliver_batch(a_channel(deliver))

    assert [tries(each) for each in owed] == [
        [(1, "delivered", False)],
        [(1, "fenced", True)],
        [(1, "delivered", False)],
    ]
    owed[1].refresh_from_db()
    assert (owed[1].status, owed[1].claim) == (Status.PENDING, 2)


def test_one_that_somebody_has_ended_is_not_ended_again(db):
    owed = owe()

    def deliver(delivery):
        Delivery.objects.filter(id=owed.id).update(status=Status.DEAD)
        return DELIVERED

    relay.deliver_batch(a_channel(deliver))

    owed.refresh_from_db()
    assert owed.status == Status.DEAD
    assert tries(owed) == [(1, "fenced", True)]


def test_outcomes_that_cannot_be_written_together_are_written_one_by_one(
    db, monkeypatch
):
    def fail(*args):
        raise OperationalError("the server went away")

    monkeypatch.setattr(outcomes, "succeeded", fail)
    for _ in range(3):
        owe()

    relay.deliver_batch(a_channel())

    assert delivered() == 3


def test_one_of_them_that_cannot_be_written_at_all_holds_up_no_other(db, monkeypatch):
    conclude = outcomes.conclude

    def fail(*args):
        raise OperationalError("the server went away")

    def fails_for_the_first(channel, delivery, *rest):
        if delivery.id == first.id:
            fail()
        conclude(channel, delivery, *rest)

    monkeypatch.setattr(outcomes, "succeeded", fail)
    monkeypatch.setattr(outcomes, "conclude", fails_for_the_first)
    first, second = owe(), owe()

    relay.deliver_batch(a_channel())

    second.refresh_from_db()
    assert second.status == Status.DELIVERED
    assert tries(first) == []


def test_a_success_among_them_closes_the_breaker(db):
    there = Destination.objects.create(
        channel="test", destination="one", failures=3, failing_since=now()
    )
    owe(), owe()

    relay.deliver_batch(a_channel(GUARDED=True))

    there.refresh_from_db()
    assert (there.failures, there.failing_since) == (0, None)


def test_each_is_counted_and_said_when_it_is_written_down(db, request):
    passed = []
    request.addfinalizer(lambda: points.listen(None))
    owe(), owe()
    points.listen(passed.append)

    relay.deliver_batch(a_channel())

    assert passed[2:] == [
        *["before_attempt", "after_send_before_settle"] * 2,
        *["after_settle"] * 2,
    ]


def test_what_is_held_is_written_down_though_the_rest_of_the_batch_is_given_up(
    committed_db,
):
    """A time limit of the actor's, say, ends a batch between two attempts."""

    class Limit(BaseException):
        pass

    owe(), owe()
    asked = []

    def deliver(delivery):
        asked.append(delivery.id)
        if len(asked) == 2:
            raise Limit
        return DELIVERED

    with pytest.raises(Limit):
        relay.deliver_batch(a_channel(deliver))

    assert delivered() == 1


# --- what is looked up ahead


def with_look(look, deliver=lambda delivery: DELIVERED):
    return SimpleNamespace(**vars(a_channel(deliver)), look_ahead=look)


def test_a_channel_may_look_ahead_once_for_all_of_a_batch(db):
    looks = []
    for _ in range(3):
        owe()

    relay.deliver_batch(with_look(lambda batch: looks.append(len(batch))))

    assert looks == [3]


def test_no_look_ahead_that_fails_keeps_anything_from_being_delivered(committed_db):
    def fail(batch):
        connection.close()
        raise OperationalError("the server went away")

    owe(), owe()

    relay.deliver_batch(with_look(fail))

    assert delivered() == 2


def test_a_relay_that_dies_with_successes_in_hand_has_doubted_attempts(committed_db):
    """They are sent again, and that is counted."""
    owed = [owe(), owe()]

    class Died(BaseException):
        pass

    def die(name):
        if name == "after_settle":
            raise AssertionError
        if name == "after_send_before_settle" and len(channel.asked) == 2:
            raise Died

    channel = a_channel()
    in_hand = held.Held(channel)
    points.listen(die)
    try:
        with pytest.raises(Died):
            relay._one_by_one(
                channel, relay.claim(channel), relay.Lease.starting_now(), in_hand
            )
    finally:
        points.listen(None)
        in_hand._alarm.take_back()  # a process that dies takes its keeper along

    assert delivered() == 0
    Delivery.objects.update(due_at=now())
    in_thread(lambda: [relay.deliver_batch(a_channel()) for _ in range(2)]).join()
    assert [tries(each) for each in owed] == [
        [(1, "lost", True), (2, "delivered", False)]
    ] * 2
