"""One that fails is left alone for a while; one with limits is not told faster."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from outbox import front, health, relay
from outbox.channels.contract import DELIVERED, Outcome
from outbox.columns import Now
from outbox.models import Attempt, Delivery, Destination, Status
from tests.outbox.made_up import FAILED, a_channel, make_due, owe
from tests.threads import at_once, in_thread

SECOND = timedelta(seconds=1)
OF_ITS_OWN = Outcome(delivered=False, name="message_missing", final=True)
OURS = Outcome(delivered=False, name="no_database", charged=False)


@pytest.fixture(autouse=True)
def looking_everywhere(monkeypatch):
    """Let each claim look everywhere, though the last one was a moment ago."""
    monkeypatch.setattr(front, "PART", 0)


def a_guarded(deliver=lambda delivery: DELIVERED, **more):
    return a_channel(deliver, **{"GUARDED": True, "BATCH": 1, **more})


def a_destination(name="one", **values):
    """Give a destination its row; one with failures has its breaker open for a day."""
    if values.get("failures"):
        values = {
            "failing_since": Now() - timedelta(minutes=1),
            "not_before": Now() + timedelta(days=1),
            **values,
        }
    return Destination.objects.create(channel="test", destination=name, **values)


def pause_over():
    Destination.objects.update(not_before=Now() - SECOND)


def counted(answers, **values):
    """Attempt deliveries with these outcomes in turn; return the destination."""
    there, left = a_destination(**values), iter(answers)
    channel = a_guarded(lambda delivery: next(left))
    for _ in answers:
        owe()
        assert relay.deliver_batch(channel) == 1
        make_due()
        Delivery.objects.filter(attempts__gt=0).delete()
    there.refresh_from_db()
    return there


# --- The breaker ----------------------------------------------------------------


def test_failures_in_a_row_are_counted(db):
    there = counted([FAILED] * 3)

    assert there.failures == 3
    assert there.failing_since < there.failed_at
    assert there.not_before is None


def test_a_success_ends_the_count(db):
    there = counted([FAILED, FAILED, DELIVERED, FAILED])

    assert there.failures == 1


@pytest.mark.parametrize("outcome", [OF_ITS_OWN, OURS])
def test_what_is_no_fault_of_the_destination_is_not_counted(db, outcome):
    assert counted([outcome]).failures == 0


@pytest.mark.parametrize(("failures", "claimed"), [(9, 1), (10, 0)])
def test_the_breaker_opens_after_so_many_failures(db, failures, claimed):
    counted([FAILED] * failures)
    owe()

    assert relay.deliver_batch(a_guarded()) == claimed


def test_what_waits_for_a_breaker_is_not_touched(db):
    a_destination(failures=10)
    owed = owe()

    relay.deliver_batch(a_guarded())

    owed.refresh_from_db()
    assert (owed.status, owed.claim, owed.attempts) == (Status.PENDING, 0, 0)
    assert not Attempt.objects.exists()


def test_an_open_breaker_keeps_nobody_else_waiting(db):
    a_destination("failing", failures=10)
    for name in ("failing",) * 20 + ("well",):
        owe(name)
    channel = a_guarded(BATCH=10)

    relay.deliver_batch(channel)

    assert [each.destination for each in channel.asked] == ["well"]


def test_after_the_pause_one_is_tried_and_no_more(db):
    a_destination(failures=10)
    owe(), owe(), owe()
    pause_over()
    channel = a_guarded(BATCH=10)

    assert [len(relay.claim(channel)) for _ in range(2)] == [1, 0]


def test_a_probe_that_never_ended_is_followed_by_another(db):
    there = a_destination(failures=10)
    owe(), owe()
    pause_over()
    relay.claim(a_guarded())

    there.refresh_from_db()
    assert there.not_before - timezone.now() <= health.PROBE
    pause_over()
    assert len(relay.claim(a_guarded())) == 1


def test_a_probe_that_fails_makes_the_pause_longer(db):
    there = a_destination(failures=10, failing_since=Now() - timedelta(minutes=4))
    owe()
    pause_over()

    relay.deliver_batch(a_guarded(lambda delivery: FAILED))

    there.refresh_from_db()
    assert there.failures == 11
    pause = there.not_before - there.failed_at
    assert timedelta(seconds=60) <= pause < timedelta(seconds=70)


@pytest.mark.parametrize(
    ("failing_for", "pause"),
    [
        (timedelta(seconds=1), health.SHORTEST),
        (timedelta(days=3), health.LONGEST),
    ],
)
def test_a_pause_has_its_bounds(db, failing_for, pause):
    there = a_destination(failures=9, failing_since=Now() - failing_for)
    pause_over()
    owe()

    relay.deliver_batch(a_guarded(lambda delivery: FAILED))

    there.refresh_from_db()
    assert abs(there.not_before - there.failed_at - pause) < SECOND


def test_the_first_success_closes_the_breaker(db):
    there = a_destination(failures=10)
    for _ in range(11):
        owe()
    pause_over()
    channel = a_guarded(BATCH=10)

    sizes = [relay.deliver_batch(channel) for _ in range(3)]

    # The destination's share is five at a time.
    assert sizes == [1, 5, 5]
    there.refresh_from_db()
    assert (there.failures, there.failing_since) == (0, None)


def test_a_poisoned_message_does_not_keep_the_breaker_open(db):
    a_destination(failures=10)
    poison, sound = owe(), owe()
    channel = a_guarded(lambda each: FAILED if each.id == poison.id else DELIVERED)

    for _ in range(2):
        pause_over()
        relay.deliver_batch(channel)

    sound.refresh_from_db()
    assert sound.status == Status.DELIVERED
    assert Destination.objects.get().failures == 0


def test_an_outcome_that_is_fenced_off_counts_nothing(db):
    there = a_destination()
    owe()

    def late(delivery):
        Delivery.objects.update(claim=7)
        return FAILED

    relay.deliver_batch(a_guarded(late))

    there.refresh_from_db()
    assert there.failures == 0


def test_of_many_who_would_probe_one_does(committed_db):
    a_destination(failures=10)
    for _ in range(20):
        owe()
    pause_over()
    channel = a_guarded(BATCH=5)

    claimed = at_once(8, lambda number: len(relay.claim(channel)))

    assert sorted(claimed) == [0] * 7 + [1]


# --- Limits ---------------------------------------------------------------------


def test_nothing_is_claimed_for_one_that_is_paused(db):
    a_destination(paused=True)
    owed = owe()

    assert relay.deliver_batch(a_guarded()) == 0
    Destination.objects.update(paused=False)
    assert relay.deliver_batch(a_guarded()) == 1

    owed.refresh_from_db()
    assert owed.status == Status.DELIVERED


@pytest.mark.parametrize(("per_second", "burst"), [(0.1, 1), (1, 2), (3.5, 4), (7, 8)])
def test_a_rate_lets_a_seconds_worth_out_and_one(db, per_second, burst):
    a_destination(per_second=per_second)
    for _ in range(20):
        owe()
    # Of the other place it would only see that nothing is due there.
    channel = a_guarded(BATCH=20, PER_DESTINATION=20)

    assert [len(relay.claim(channel)) for _ in range(2)] == [burst, 0]


def test_a_rate_is_kept_over_time(db):
    there = a_destination(per_second=2)
    for _ in range(20):
        owe()
    channel, sizes = a_guarded(BATCH=20, PER_DESTINATION=20), []

    for _ in range(4):
        sizes.append(len(relay.claim(channel)))
        there.refresh_from_db()  # a second goes by
        there.not_before -= SECOND
        there.save()

    assert sizes == [3, 2, 2, 2]


def test_a_rate_is_kept_by_all_relays_together(committed_db):
    a_destination(per_second=0.001)
    for _ in range(20):
        owe()
    channel = a_guarded(BATCH=5)

    claimed = at_once(8, lambda number: len(relay.claim(channel)))

    assert sorted(claimed) == [0] * 7 + [1]


def test_what_nobody_took_is_not_charged_to_the_rate(db):
    there = a_destination(per_second=1)

    assert relay.claim(a_guarded()) == []

    there.refresh_from_db()
    assert there.not_before is None


@pytest.mark.parametrize(("at_once", "workers"), [(1, 1), (2, 2), (None, 4)])
def test_so_many_workers_at_once_and_no_more(committed_db, at_once, workers):
    a_destination(at_once=at_once)
    for _ in range(20):
        owe()
    channel = a_guarded(PER_DESTINATION=20, WORKERS=4)
    claimed = []

    for _ in range(6):  # each in a thread, which is a worker, of its own
        in_thread(lambda: claimed.append(len(relay.claim(channel)))).join()

    assert sum(claimed) == workers


def test_workers_who_come_together_keep_the_limit_too(committed_db):
    a_destination(at_once=1)
    for _ in range(40):
        owe()
    channel = a_guarded(PER_DESTINATION=40, WORKERS=40)

    claimed = at_once(8, lambda number: len(relay.claim(channel)))

    assert sorted(claimed) == [0] * 7 + [1]


@pytest.mark.parametrize("limit", [{"per_second": 0}, {"at_once": 0}, {"failures": 1}])
def test_the_database_refuses_a_limit_that_lets_nothing_through(db, limit):
    with pytest.raises(IntegrityError), transaction.atomic():
        Destination.objects.create(channel="test", destination="one", **limit)


def test_one_that_is_well_is_not_written_about(db):
    a_destination()
    owe()
    before = version_of_row()

    relay.deliver_batch(a_guarded())

    assert version_of_row() == before


def test_a_probe_that_found_everything_held_is_none(committed_db):
    a_destination(failures=10, not_before=Now() - SECOND)
    owe()
    before = version_of_row()
    other = connection.copy()

    with other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT id FROM outbox_delivery FOR UPDATE")
        assert relay.claim(a_guarded()) == []
    other.close()

    assert version_of_row() == before


def version_of_row():
    """Return where the only destination's row stands: each write moves it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT ctid::text FROM outbox_destination")
        return cursor.fetchall()
