"""The front: claims begin where the undelivered do, and nothing behind is forgotten."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from outbox import due, front, relay
from outbox.columns import Now
from outbox.front import CHEAP, LIVELY, MARGIN, Front
from outbox.models import Delivery, Destination, Status
from tests.outbox.made_up import a_channel, owe

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LONG = 1000.0  # seconds that a look took


def a_front(**places):
    """Return one that claimed the last in each of these places at noon."""
    made = Front()
    for destination in places or {"one": 0}:
        made.move((destination, 0), [NOON], full=False, ordered=False, now=NOON)
    made.looked_everywhere(LONG)
    return made


def test_a_new_front_looks_everywhere():
    assert Front().known() is None


def test_a_batch_that_was_not_full_moves_the_front_to_now():
    made = a_front()

    made.move(
        ("one", 0), [NOON - timedelta(hours=1)], full=False, ordered=False, now=NOON
    )

    assert made.known() == {("one", 0): NOON - MARGIN, ("one", 1): NOON - MARGIN}


def test_a_full_batch_moves_the_front_to_its_last():
    made, due = Front(), [NOON - timedelta(minutes=5), NOON - timedelta(minutes=4)]

    made.move(("one", 1), due, full=True, ordered=False, now=NOON)
    made.looked_everywhere(LONG)

    assert made.known()[("one", 1)] == due[1] - MARGIN


@pytest.mark.parametrize("full", [True, False])
def test_in_lanes_the_front_moves_to_the_first_of_a_batch(full):
    made, due = Front(), [NOON - timedelta(minutes=5), NOON - timedelta(minutes=4)]

    made.move(("one", 0), due, full=full, ordered=True, now=NOON)
    made.looked_everywhere(LONG)

    assert made.known()[("one", 0)] == due[0] - MARGIN


def test_a_long_lane_is_found_one_after_the_other(db):
    channel, hour = a_channel(), timedelta(hours=1)
    for number in range(4):
        owe(lane="copy:1", due_at=Now() - hour + timedelta(minutes=number))
    assert relay.deliver_batch(channel) == 1

    front.front("test").looked_everywhere(LONG)

    assert [relay.deliver_batch(channel) for _ in range(4)] == [1, 1, 1, 0]


def test_what_a_look_finds_behind_takes_the_front_back():
    made, hour = a_front(), timedelta(hours=1)

    made.move(("one", 0), [NOON - hour], full=True, ordered=False, now=NOON)
    made.looked_everywhere(LONG)

    assert made.known()[("one", 0)] == NOON - hour - MARGIN


@pytest.mark.parametrize("lanes", [False, True])
def test_one_look_is_enough_for_all_that_lies_behind(db, lanes):
    channel, hour = a_channel(), timedelta(hours=1)
    for number in range(10):
        lane = f"copy:{number}" if lanes else None
        owe(lane=lane, attempts=1, due_at=Now() - hour + timedelta(seconds=number))
    owe()
    assert relay.deliver_batch(channel) == 1
    here = front.front("test")

    here.looked_everywhere(0)  # the next claim may look
    assert relay.deliver_batch(channel) == 5
    here.looked_everywhere(LONG)  # and the one after it may not

    assert relay.deliver_batch(channel) == 5


def test_a_look_that_failed_took_its_time_too(db, monkeypatch):
    monkeypatch.setattr(due, "_EVERYWHERE", "places AS (SELECT 1 / 0)")
    told = []
    monkeypatch.setattr(
        Front, "looked_everywhere", lambda self, took: told.append(took)
    )

    with pytest.raises(DatabaseError), transaction.atomic():
        relay.deliver_batch(a_channel())

    assert len(told) == 1


@pytest.mark.parametrize("known", [None, {("one", 0): NOON - timedelta(days=1)}])
@pytest.mark.parametrize("statistics", ["reltuples", "0", "20000"])
def test_a_claim_reads_no_more_of_a_backlog_than_it_takes(
    committed_db, known, statistics
):
    owe_many(20_000)
    with connection.cursor() as cursor:  # as a vacuum may have found it before
        cursor.execute(
            f"UPDATE pg_class SET reltuples = {statistics}, relpages = 3 "
            "WHERE relname IN ('outbox_delivery', 'outbox_delivery_pkey')"
        )

    assert pages_read(a_channel(BATCH=5), known) < 200


def test_what_became_due_during_a_slow_claim_is_not_left_behind(
    committed_db, monkeypatch
):
    monkeypatch.setattr(front, "MARGIN", timedelta(0))
    slow = "CROSS JOIN (SELECT pg_sleep(0.1)) AS slow WHERE destination"
    looking = due._EVERYWHERE.replace("WHERE destination", slow)
    monkeypatch.setattr(due, "_EVERYWHERE", looking)
    channel = a_channel()
    owe()
    owe(due_at=Now() + timedelta(seconds=0.05))

    assert relay.deliver_batch(channel) == 1
    front.front("test").looked_everywhere(LONG)

    assert relay.deliver_batch(channel) == 1


def test_a_claim_for_one_with_limits_reads_no_more_either(committed_db):
    Destination.objects.create(
        channel="test", destination="one", per_second=100, at_once=2
    )
    owe_many(20_000)

    assert pages_read(a_channel(BATCH=5), None) < 200


def test_an_open_breaker_is_not_searched_for_what_is_due(committed_db):
    Destination.objects.create(
        channel="test",
        destination="one",
        failures=10,
        failing_since=Now(),
        not_before=Now() + timedelta(hours=1),
    )
    owe_many(20_000)

    assert pages_read(a_channel(BATCH=5), None) < 50


def test_looking_everywhere_takes_a_small_part_of_the_time():
    made = a_front()
    assert made.known() is not None

    made.looked_everywhere(0)

    assert made.known() is None


@pytest.mark.parametrize(("seconds", "may"), [(CHEAP / 2, True), (CHEAP, False)])
def test_a_look_that_is_cheap_is_free_to_those_who_found_nothing(seconds, may):
    made = Front()

    made.looked_everywhere(seconds)

    assert made.may_look() is may


@pytest.mark.parametrize(("quiet", "known"), [(LIVELY, True), (LIVELY + 1, False)])
def test_a_place_that_had_nothing_for_a_while_is_forgotten(monkeypatch, quiet, known):
    clock = [0.0]
    monkeypatch.setattr(front.time, "monotonic", lambda: clock[0])
    made = a_front(quiet=0)

    clock[0] = quiet
    made.move(("lively", 0), [NOON], full=False, ordered=False, now=NOON)
    made.looked_everywhere(LONG)

    assert (("quiet", 0) in made.known()) is known
    assert ("lively", 0) in made.known()


def test_what_lies_behind_the_front_is_found_all_the_same(db):
    channel = a_channel()
    owe()
    assert relay.deliver_batch(channel) == 1
    behind = owe(due_at=Now() - timedelta(hours=1))
    front.front("test").looked_everywhere(CHEAP / 2)
    assert front.front("test").known()

    assert relay.deliver_batch(channel) == 1

    behind.refresh_from_db()
    assert behind.status == Status.DELIVERED


def test_what_lies_behind_the_front_waits_where_looking_costs_much(db):
    channel = a_channel()
    owe()
    relay.deliver_batch(channel)
    owe(due_at=Now() - timedelta(hours=1))

    front.front("test").looked_everywhere(LONG)
    assert relay.deliver_batch(channel) == 0
    front.front("test").looked_everywhere(0)
    assert relay.deliver_batch(channel) == 1


def test_what_was_delivered_while_a_transaction_stays_open_is_not_waded_through(
    committed_db,
):
    channel = a_channel(BATCH=5)
    other = connection.copy()
    with other.cursor() as reader:
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM outbox_delivery")
        owe_many(20_000)
        Delivery.objects.filter(position__lte=19_950).update(status=Status.DELIVERED)
        assert relay.deliver_batch(channel) == 5
        front.front("test").looked_everywhere(LONG)

        known = pages_read(channel, front.front("test").known())
        everywhere = pages_read(channel, None)

        reader.execute("ROLLBACK")
    other.close()
    assert known * 4 < everywhere


def owe_many(count):
    """Owe a backlog that became due bit by bit, a second apart."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO outbox_delivery
                (event_id, position, channel, destination, recipient, due_at)
            SELECT gen_random_uuid(), n, 'test', 'one', '',
                %(noon)s + make_interval(secs => n)
            FROM generate_series(1, %(count)s) AS n
            """,
            {"noon": NOON, "count": count},
        )


def pages_read(channel, known):
    """Return how many pages a claim looks at; nothing is claimed."""
    statement, values = due.statement_for(
        channel, known, worker="somebody", lease=timedelta(minutes=1)
    )
    with transaction.atomic(), connection.cursor() as cursor:
        explain = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "
        cursor.execute(explain + statement, values)
        (plans,) = cursor.fetchone()
        transaction.set_rollback(True)
    (plan,) = json.loads(plans) if isinstance(plans, str) else plans
    return plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
