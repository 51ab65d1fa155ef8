from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from outbox import claims, relay, replays, sweep
from outbox.columns import Now
from outbox.duties import Duties
from outbox.errors import OutboxError
from outbox.ids import new_id
from outbox.models import Attempt, Delivery, Replay, Status
from tests.outbox.owing import change, ended, owe
from tests.threads import at_once, in_thread

PATIENCE = 20
WEBHOOKS = replays.channels()["webhooks"]


@pytest.fixture
def small_batches(monkeypatch):
    """Two deliveries for each transaction of a replay."""
    monkeypatch.setattr(replays, "BATCH", 2)


def yesterday():
    return timezone.now() - timedelta(days=1)


def pending():
    return Delivery.objects.filter(status=Status.PENDING)


# --- One by one -------------------------------------------------------------------


@pytest.mark.parametrize("status", [Status.DEAD, Status.UNKNOWN])
def test_what_ended_badly_starts_anew(db, now, status):
    owed = ended(now, status, sending_at=Now())

    [answer] = replays.retry([owed.id])

    assert answer.started
    owed.refresh_from_db()
    assert (owed.status, owed.attempts, owed.error) == (Status.PENDING, 0, "")
    assert (owed.finished_at, owed.sending_at) == (None, None)
    assert owed.due_at <= timezone.now()


def test_a_retry_never_touches_the_claim(db, now):
    owed = ended(now, claim=7)

    replays.retry([owed.id])
    [claimed] = claims.claim(WEBHOOKS)

    assert claimed.claim == 8


def test_a_worker_of_the_former_life_cannot_write_about_the_new_one(db, now):
    owe(now)
    [held] = claims.claim(WEBHOOKS)
    change(held, status=Status.DEAD, finished_at=Now(), worker="")

    replays.retry([held.id])
    claims.claim(WEBHOOKS)

    assert not claims.settle(held, status=Status.DELIVERED)


def test_a_retry_keeps_the_attempts_on_record(db, now):
    owed = ended(now)
    Attempt.objects.create(delivery=owed, claim=7, outcome="http_5xx", worker="w")

    replays.retry([owed.id])

    assert Attempt.objects.filter(delivery=owed).count() == 1


def test_what_is_pending_is_left_to_the_relay(db, now):
    owed = owe(now, attempts=2, due_at=Now() + timedelta(hours=1))

    [answer] = replays.retry([owed.id], again=True)

    assert answer == replays.Answer(owed.id, False, replays.PENDING)
    before = (owed.attempts, owed.due_at)
    owed.refresh_from_db()
    assert (owed.attempts, owed.due_at) == before


def test_what_was_delivered_goes_out_once_more_only_if_asked(db, now):
    owed = ended(now, Status.DELIVERED)

    assert [each.said for each in replays.retry([owed.id])] == [replays.DELIVERED]
    assert not pending().exists()

    assert replays.retry([owed.id], again=True)[0].started
    assert pending().exists()


@pytest.mark.parametrize("channel", ["signals", "letters"])
def test_an_effect_in_our_own_database_happens_once(db, now, channel):
    owed = ended(now, Status.DELIVERED, channel=channel)

    [answer] = replays.retry([owed.id], again=True)

    assert answer.said == replays.ONCE
    assert not pending().exists()


def test_what_nobody_would_try_does_not_start_anew(db, now):
    owed = ended(now, channel="pigeons")

    assert replays.retry([owed.id])[0].said == replays.NO_CHANNEL


def test_each_id_has_its_answer_and_a_refused_one_stops_no_other(db, now):
    dead, delivered = ended(now), ended(now, Status.DELIVERED)

    answers = replays.retry([delivered.id, 10**12, dead.id, dead.id])

    assert [(each.id, each.started) for each in answers] == [
        (delivered.id, False),
        (10**12, False),
        (dead.id, True),
    ]


def test_many_are_retried_with_two_queries(db, now, django_assert_num_queries):
    ids = [ended(now).id for _ in range(5)]

    with django_assert_num_queries(2 + 2):  # and the savepoint
        replays.retry(ids)


def test_of_two_who_retry_at_once_one_does(committed_db, now):
    owed = ended(now)

    answers = at_once(2, lambda number: replays.retry([owed.id])[0].started)

    assert sorted(answers) == [False, True]


def test_one_event_is_sent_again_to_one_destination(db, now):
    wanted = ended(now)
    ended(now)

    answers = replays.retry_event(wanted.event_id, destination="shop")

    assert [each.id for each in answers] == [wanted.id]
    assert pending().get().id == wanted.id
    assert replays.retry_event(new_id(), destination="shop") == []


# --- Many -------------------------------------------------------------------------


def test_everything_that_died_since_then_starts_anew(db, now, small_batches):
    dead = [ended(now, days_ago=0.5) for _ in range(5)]
    ended(now, days_ago=1.5)

    done = replays.carry_out(replays.order(since=yesterday()).id)

    assert set(pending().values_list("id", flat=True)) == {each.id for each in dead}
    assert (done.replayed, done.seen) == (5, done.last)
    assert done.finished_at is not None


@pytest.mark.parametrize(
    "kind",
    [
        {"channel": "emails"},
        {"destination": "office"},
        {"event_type": "book.deleted"},
    ],
)
def test_a_replay_keeps_to_its_kind(db, now, kind):
    ended(now)

    done = replays.carry_out(replays.order(since=yesterday(), **kind).id)

    assert done.replayed == 0
    assert not pending().exists()


def test_a_replay_takes_its_own_kind(db, now):
    ended(now)
    kind = {"channel": "webhooks", "destination": "shop", "event_type": "book.created"}

    assert replays.carry_out(replays.order(since=yesterday(), **kind).id).replayed == 1


@pytest.mark.parametrize("status", [Status.UNKNOWN, Status.DELIVERED])
def test_a_replay_leaves_what_may_have_been_sent(db, now, status):
    ended(now, status)

    replays.carry_out(replays.order(since=yesterday()).id)

    assert not pending().exists()


def test_what_dies_after_the_order_is_not_part_of_it(db, now):
    earlier = owe(now)
    order = replays.order(since=yesterday())
    change(earlier, status=Status.DEAD, finished_at=Now())
    ended(now)

    replays.carry_out(order.id)

    assert not pending().exists()


def test_what_dies_again_is_not_replayed_twice(db, now, small_batches):
    dead = [ended(now) for _ in range(3)]
    order = replays.order(since=yesterday())

    def die_again(replay):
        pending().update(status=Status.DEAD, finished_at=dead[0].finished_at)

    assert replays.carry_out(order.id, progress=die_again).replayed == 3


def test_a_killed_replay_is_gone_on_with_where_it_was(db, now, small_batches):
    for _ in range(5):
        ended(now)
    order = replays.order(since=yesterday())

    class Killed(OutboxError):
        pass

    def kill(replay):
        raise Killed

    with pytest.raises(Killed):
        replays.carry_out(order.id, progress=kill)
    assert pending().count() == 2
    pending().update(status=Status.DELIVERED)

    assert replays.unfinished() == [order.id]
    assert replays.carry_out(order.id).replayed == 5
    assert pending().count() == 3


def test_two_who_are_at_a_replay_take_turns(committed_db, now, small_batches):
    for _ in range(9):
        ended(now)
    order = replays.order(since=yesterday())

    at_once(2, lambda number: replays.carry_out(order.id))

    assert Replay.objects.get().replayed == 9
    assert pending().count() == 9


def test_who_does_not_wait_leaves_a_replay_to_whoever_has_it(committed_db, now):
    ended(now)
    order = replays.order(since=yesterday())
    held, go_on = threading.Event(), threading.Event()

    def hold():
        with replays.transaction.atomic():
            Replay.objects.select_for_update().get(id=order.id)
            held.set()
            go_on.wait(PATIENCE)

    holder = in_thread(hold)
    assert held.wait(PATIENCE)
    left = replays.carry_out(order.id, wait=False)
    go_on.set()
    holder.join()

    assert left is None
    assert not pending().exists()


def test_a_finished_replay_stays_finished(db, now):
    order = replays.order(since=yesterday())
    done = replays.carry_out(order.id)
    died = ended(now)
    change(died, finished_at=order.created_at)

    again = replays.carry_out(order.id)

    assert (again.replayed, again.finished_at) == (0, done.finished_at)
    assert replays.unfinished() == []


def test_a_relay_goes_on_with_what_somebody_left(db, now, small_batches):
    for _ in range(5):
        ended(now)
    replays.order(since=yesterday())

    Duties(stopped=lambda: False)()

    assert pending().count() == 5
    assert replays.unfinished() == []


def test_the_sweep_of_a_relay_has_this_among_its_duties(
    committed_db, now, monkeypatch, settings
):
    settings.OUTBOX = {**settings.OUTBOX, "FOLLOWERS": []}
    monkeypatch.setattr(sweep, "channels", dict)
    ended(now)
    replays.order(since=yesterday())
    carried_out, carry_out = threading.Event(), replays.carry_out

    def note(*arguments, **how):
        carry_out(*arguments, **how)
        carried_out.set()

    monkeypatch.setattr(replays, "carry_out", note)
    running = sweep.Sweep()
    running.start()

    assert carried_out.wait(PATIENCE)
    assert running.stop(PATIENCE)
    assert pending().count() == 1


def test_a_stopped_relay_leaves_the_rest_of_a_replay(db, now, small_batches):
    for _ in range(5):
        ended(now)
    order = replays.order(since=yesterday())

    done = replays.carry_out(order.id, stopped=lambda: True)

    assert done.finished_at is None
    assert pending().count() == 2


def test_a_replayed_delivery_is_delivered(db, now, monkeypatch):
    owed = ended(now)
    monkeypatch.setattr(WEBHOOKS, "deliver", lambda *_: relay.Outcome(delivered=True))

    replays.carry_out(replays.order(since=yesterday()).id)
    relay.deliver_batch(WEBHOOKS)

    owed.refresh_from_db()
    assert owed.status == Status.DELIVERED
