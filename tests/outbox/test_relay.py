"""Attempts and what becomes of them; for what is claimed when see test_claims.py."""

from __future__ import annotations

import threading
import time
from collections import Counter
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.db.models import F
from django.utils.timezone import now

from outbox import claims, front, held, outcomes, points, relay
from outbox.channels.contract import DELIVERED, Outcome
from outbox.models import Attempt, Delivery, Route, Status
from tests.outbox.made_up import (
    FAILED,
    REFUSED,
    RESET,
    a_channel,
    make_due,
    owe,
    tries,
)
from tests.threads import in_thread


@pytest.fixture(autouse=True)
def looking_everywhere(monkeypatch):
    """Let each claim look everywhere, though the last one was a moment ago."""
    monkeypatch.setattr(front, "PART", 0)


def test_what_is_owed_is_delivered_once(db):
    owed, channel = owe(), a_channel()

    assert relay.deliver_batch(channel) == 1
    make_due()
    assert relay.deliver_batch(channel) == 0

    owed.refresh_from_db()
    assert (owed.status, owed.worker) == (Status.DELIVERED, "")
    assert owed.finished_at is not None
    assert Attempt.objects.get().outcome == "delivered"


@pytest.mark.parametrize(
    ("in_transaction", "queries"),
    [(False, 1), (True, 3 * 3)],  # all outcomes; or of each BEGIN, outcome, COMMIT
)
def test_an_attempt_costs_few_queries_and_a_batch_one_claim(
    committed_db, django_assert_num_queries, in_transaction, queries, monkeypatch
):
    monkeypatch.setattr(held, "QUICK", 60.0)  # on a busy machine
    monkeypatch.setattr(held, "LONGEST", 60.0)
    for _ in range(3):
        owe()
    channel = a_channel(IN_TRANSACTION=in_transaction)

    with django_assert_num_queries(1 + queries):
        assert relay.deliver_batch(channel) == 3


def test_a_claim_is_committed_and_charged_before_the_attempt(committed_db):
    seen = []

    def look(delivery):
        in_thread(
            lambda: seen.append(Delivery.objects.values_list("claim", "attempts").get())
        ).join()
        return DELIVERED

    owe()
    relay.deliver_batch(a_channel(look))

    assert seen == [(1, 1)]


def test_no_transaction_is_open_during_an_attempt(committed_db):
    open_ones = []
    channel = a_channel(
        lambda delivery: open_ones.append(connection.in_atomic_block) or DELIVERED
    )
    owe()

    relay.deliver_batch(channel)

    assert open_ones == [False]


def overtaken(delivery):
    """Succeed, but only after another worker has claimed the delivery."""
    Delivery.objects.filter(id=delivery.id).update(claim=F("claim") + 1)
    return DELIVERED


@pytest.mark.parametrize("in_transaction", [True, False])
def test_a_stale_outcome_is_fenced_off(db, in_transaction):
    owed = owe()

    relay.deliver_batch(a_channel(overtaken, IN_TRANSACTION=in_transaction))

    owed.refresh_from_db()
    assert owed.status == Status.PENDING
    # Ours was undone; what left over a network may have arrived.
    assert tries(owed) == [(1, "fenced", not in_transaction)]
    assert Attempt.objects.get().answer == "came too late: delivered"


@pytest.mark.parametrize("outcome", [DELIVERED, FAILED, REFUSED])
def test_an_outcome_that_came_too_late_stands_in_the_row_of_its_lost_claim(db, outcome):
    owed, channel = owe(), a_channel(lambda delivery: outcome)
    (frozen,) = relay.claim(channel)
    make_due()
    (taken_over,) = relay.claim(channel)
    before = tries(owed)

    assert relay.attempt(channel, frozen, time.monotonic() + 1) is None

    assert before == [(1, "lost", True)]
    assert tries(owed) == [(1, "fenced", True)]
    assert outcome.name in Attempt.objects.get().answer
    assert claims.settle(taken_over, status=Status.DELIVERED)


def test_what_a_worker_that_was_overtaken_raises_is_fenced_too(db):
    def raises(delivery):
        raise ValueError("late and wrong")

    owed, channel = owe(), a_channel(raises, IN_TRANSACTION=True)
    (frozen,) = relay.claim(channel)
    make_due()
    relay.claim(channel)

    assert relay.attempt(channel, frozen, time.monotonic() + 1) is None

    owed.refresh_from_db()
    assert (owed.status, owed.error, owed.claim) == (Status.PENDING, "", 2)
    assert tries(owed) == [(1, "fenced", False)]


def test_an_effect_in_our_database_is_undone_with_its_fenced_outcome(committed_db):
    owe()

    def effect(delivery):
        Route.objects.create(channel="effect", destination="x", event_type="y")
        in_thread(
            lambda: Delivery.objects.filter(id=delivery.id).update(claim=F("claim") + 1)
        ).join()
        return DELIVERED

    relay.deliver_batch(a_channel(effect, IN_TRANSACTION=True))

    assert not Route.objects.filter(channel="effect").exists()
    assert Delivery.objects.get().status == Status.PENDING


def test_effect_and_outcome_commit_together(committed_db, monkeypatch):
    owe()

    def effect(delivery):
        Route.objects.create(channel="effect", destination="x", event_type="y")
        return DELIVERED

    def fail(*args, **kwargs):
        raise OperationalError("the server went away")

    monkeypatch.setattr(outcomes, "verdict", fail)
    relay.deliver_batch(a_channel(effect, IN_TRANSACTION=True))

    assert not Route.objects.filter(channel="effect").exists()


def test_an_effect_in_our_database_does_not_wait_for_the_disk_and_a_claim_does(
    committed_db, request
):
    """Should the server crash, both are gone, and the claim is due again."""
    waits = {}

    def ask(name):
        if name in {"after_claim", "after_settle_before_commit", "after_settle"}:
            with connection.cursor() as cursor:
                cursor.execute("SHOW synchronous_commit")
                waits[name] = cursor.fetchone()[0]

    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")  # as it is but in tests
    request.addfinalizer(lambda: points.listen(None))
    points.listen(ask)
    owe()

    relay.deliver_batch(a_channel(IN_TRANSACTION=True))

    assert waits == {
        "after_claim": "on",
        "after_settle_before_commit": "off",
        "after_settle": "on",
    }


def test_a_failed_effect_leaves_nothing_but_its_attempt(db):
    owed = owe()

    def effect(delivery):
        Route.objects.create(channel="effect", destination="x", event_type="y")
        raise ValueError("half done")

    relay.deliver_batch(a_channel(effect, IN_TRANSACTION=True))

    owed.refresh_from_db()
    assert not Route.objects.filter(channel="effect").exists()
    assert owed.error == f"ValueError: {Attempt.objects.get().answer}"
    assert Attempt.objects.get().outcome == "ValueError"


def test_a_failure_waits_for_its_schedule_and_then_ends(db):
    owed, channel = owe(), a_channel(lambda delivery: FAILED)

    for _ in range(3):
        assert relay.deliver_batch(channel) == 1
        assert relay.deliver_batch(channel) == 0
        make_due()

    owed.refresh_from_db()
    assert (owed.status, owed.attempts) == (Status.DEAD, 3)
    assert Attempt.objects.filter(http_status=503).count() == 3


def test_a_failure_of_our_own_costs_no_attempt(db):
    def no_database(delivery):
        raise OperationalError("the server went away")

    owed = owe()
    relay.deliver_batch(a_channel(no_database))

    owed.refresh_from_db()
    assert (owed.claim, owed.attempts) == (1, 0)


def test_an_answer_that_asks_to_wait_is_heard(db):
    owed = owe()
    later = Outcome(delivered=False, name="throttled", retry_after=3600)

    relay.deliver_batch(a_channel(lambda delivery: later))

    owed.refresh_from_db()
    assert owed.due_at - owed.created_at > timedelta(seconds=3599)


def test_a_stop_gives_back_what_was_claimed_and_not_begun(db, monkeypatch):
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


def test_what_a_receiver_says_when_it_fails_is_not_kept(db, caplog):
    email = "@".join(("anna", "example.org"))

    def fail(delivery):
        raise ValueError(f"Key (email)=({email}) \0 already exists")

    owed = owe()
    relay.deliver_batch(a_channel(fail))

    owed.refresh_from_db()
    kept = f"{owed.error} {Attempt.objects.get().answer} {caplog.text}"
    assert email not in kept
    assert "ValueError: at test_relay.py:" in kept


def test_an_outcome_that_cannot_be_written_holds_up_nobody_else(db, monkeypatch):
    first, second = owe(), owe()
    conclude = outcomes.conclude

    def fails_for_the_first(channel, delivery, *rest):
        if delivery.id == first.id:
            raise OperationalError("the server went away")
        conclude(channel, delivery, *rest)

    monkeypatch.setattr(outcomes, "conclude", fails_for_the_first)
    relay.deliver_batch(a_channel())

    second.refresh_from_db()
    assert second.status == Status.DELIVERED


def test_a_receivers_own_slow_query_costs_it_an_attempt(db):
    def slow(delivery):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '20ms'")
            cursor.execute("SELECT pg_sleep(5)")

    owed = owe()
    relay.deliver_batch(a_channel(slow, IN_TRANSACTION=True))

    owed.refresh_from_db()
    assert owed.attempts == 1
    assert "57014" in owed.error


def test_an_attempt_that_outlives_its_lease_is_known(db, monkeypatch):
    known = []
    monkeypatch.setattr(claims, "LEASE", timedelta(0))
    owe()

    channel = a_channel(
        lambda delivery: known.append(relay.overdue()) or DELIVERED, DEADLINE=-1.0
    )
    relay.deliver_batch(channel)

    assert known == [True]
    assert not relay.overdue()


def test_an_attempt_within_its_lease_is_not_overdue(db):
    known = []
    owe()

    relay.deliver_batch(
        a_channel(lambda delivery: known.append(relay.overdue()) or DELIVERED)
    )

    assert known == [False]


def test_an_attempt_is_told_when_it_has_to_end(db):
    told = []
    channel = a_channel(DEADLINE=7.0)
    channel.deliver = lambda delivery, ends: told.append(ends) or DELIVERED
    owe()

    before = time.monotonic()
    relay.deliver_batch(channel)

    assert before + 7 <= told[0] <= time.monotonic() + 7


@pytest.mark.parametrize("outcome", [RESET, FAILED, DELIVERED])
def test_an_attempt_says_whether_the_other_side_may_have_the_message(db, outcome):
    owed = owe()

    relay.deliver_batch(a_channel(lambda delivery: outcome))

    assert tries(owed) == [(1, outcome.name, outcome is RESET)]


def test_after_silence_the_rest_of_a_batch_waits_uncharged(db):
    first, *rest = [owe() for _ in range(3)]
    channel = a_channel(lambda delivery: REFUSED)

    assert relay.deliver_batch(channel) == 3
    assert relay.deliver_batch(channel) == 0

    assert [each.id for each in channel.asked] == [first.id]
    assert tries(first) == [(1, "connect_error", False)]
    for each in rest:
        each.refresh_from_db()
        assert (each.status, each.attempts, each.worker) == (Status.PENDING, 0, "")
        assert timedelta(0) < each.due_at - now() <= relay.SILENCE
        assert tries(each) == []


def test_an_answer_however_bad_holds_up_nothing_of_its_batch(db):
    for _ in range(3):
        owe()
    channel = a_channel(lambda delivery: FAILED)

    relay.deliver_batch(channel)

    assert len(channel.asked) == 3


def test_one_that_is_silent_holds_up_nobody_else(db):
    owe("silent"), owe("silent"), owe("talkative")
    channel = a_channel(
        lambda delivery: REFUSED if delivery.destination == "silent" else DELIVERED
    )

    assert not relay.drain(channel)

    asked = Counter(each.destination for each in channel.asked)
    assert asked == {"silent": 1, "talkative": 1}


@pytest.mark.parametrize("outcome", [RESET, FAILED])
def test_what_must_not_leave_twice_ends_where_it_may_have_left(db, outcome):
    def deliver(delivery):
        claims.sending(delivery)
        return outcome

    owed = owe()
    relay.deliver_batch(a_channel(deliver))

    owed.refresh_from_db()
    expected = Status.UNKNOWN if outcome is RESET else Status.PENDING
    assert owed.status == expected
    assert (owed.sending_at is None) == (outcome is FAILED)
    assert (owed.finished_at is None) == (outcome is FAILED)


def test_every_step_of_an_attempt_has_a_place_for_a_fault(db, request):
    passed = []
    request.addfinalizer(lambda: points.listen(None))
    points.listen(passed.append)
    owe()

    relay.deliver_batch(a_channel(IN_TRANSACTION=True))

    assert passed == [
        "before_claim",
        "after_claim",
        "before_attempt",
        "after_effect_before_settle",
        "after_settle_before_commit",
        "after_settle",
    ]
    assert set(passed) <= set(points.POINTS)


@pytest.mark.parametrize("in_transaction", [True, False])
def test_a_session_that_is_cut_off_costs_one_delivery_and_not_its_batch(
    committed_db, in_transaction
):
    def deliver(delivery):
        if len(channel.asked) == 1:
            cut_off(connection.connection.info.backend_pid)
        return DELIVERED

    for _ in range(4):
        owe()
    channel = a_channel(deliver, IN_TRANSACTION=in_transaction)

    assert relay.deliver_batch(channel) == 4

    delivered = Delivery.objects.filter(status=Status.DELIVERED, attempts=1)
    assert delivered.count() == (3 if in_transaction else 4)


def cut_off(backend):
    """End a session, as an operator or a failover does."""
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])
    other.close()


def test_retries_have_their_turn_beside_a_backlog_that_is_fresh(db):
    channel = a_channel(BATCH=1)
    for _ in range(3 * relay.RETRIED_FIRST):
        owe("much")
    old = owe("retried", attempts=1)

    relay.drain(channel)

    place = [each.id for each in channel.asked].index(old.id)
    assert place < 2 * relay.RETRIED_FIRST


def test_a_second_opinion_does_not_replace_a_recorded_outcome(db):
    owed, channel = owe(), a_channel()
    (claimed,) = relay.claim(channel)
    relay.attempt(channel, claimed, time.monotonic() + 1)

    assert relay.attempt(channel, claimed, time.monotonic() + 1) is None

    assert tries(owed) == [(1, "delivered", False)]
