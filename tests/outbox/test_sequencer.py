from __future__ import annotations

import threading
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django_outbox_pattern.models import Published

from library.catalog.books import add_book
from library.catalog.events import BookDeleted
from outbox import log, points, sequencer
from outbox.context import acting
from outbox.models import Delivery, Event, Position, Route
from tests.threads import in_thread

QUIET = 400  # events; enough for tables of several pages


def positions():
    return dict(Position.objects.order_by("position").values_list("position", "seq"))


def test_positions_are_dense_and_follow_the_log(db, a_loan):
    a_loan()

    assert sequencer.sequence_all() == Event.objects.count() == 4
    assert list(positions()) == [1, 2, 3, 4]
    assert not Published.objects.filter(status=1).exists()
    assert sequencer.sequence_all() == 0


def test_an_event_that_commits_late_comes_later(committed_db, now):
    opened, finish = threading.Event(), threading.Event()

    def slow():
        with transaction.atomic():
            add_book(title="slow", authors=["A"], now=now)
            opened.set()
            finish.wait(10)

    thread = in_thread(slow)
    opened.wait(10)
    add_book(title="quick", authors=["A"], now=now)
    sequencer.sequence_all()
    seen = list(positions().values())
    finish.set()
    thread.join()
    sequencer.sequence_all()

    quick = Event.objects.get(data__title="quick").seq
    slow_one = Event.objects.get(data__title="slow").seq
    assert slow_one < quick
    assert seen == [quick]
    assert list(positions().values()) == [quick, slow_one]
    first, second = Position.objects.order_by("position").values_list(
        "known_at", flat=True
    )
    assert first <= second  # though the second was recorded first


def test_a_batch_never_splits_a_transaction(db, now):
    with transaction.atomic():
        for number in range(5):
            add_book(title=str(number), authors=["A"], now=now)

    assert sequencer.sequence(at_least=1) == 5


def test_a_batch_grows_with_what_waits_and_not_beyond_measure(
    committed_db, now, monkeypatch
):
    for number in range(8):
        add_book(title=f"book {number}", authors=["A"], now=now)

    grown = sequencer.sequence(at_least=1)
    monkeypatch.setattr(sequencer, "LARGEST_BATCH", 1)
    bounded = sequencer.sequence(at_least=1)

    assert (grown, bounded) == (4, 1)


def test_only_one_relay_sequences_at_a_time(committed_db, a_book):
    a_book()
    held, finish = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [sequencer.SEQUENCER])
            held.set()
            finish.wait(10)

    thread = in_thread(hold)
    held.wait(10)
    meanwhile = sequencer.sequence()
    finish.set()
    thread.join()

    assert meanwhile == 0
    assert sequencer.sequence() == 1


def test_many_writers_and_two_sequencers_leave_no_gap(committed_db, now):
    errors = []
    stop = threading.Event()

    def write(name):
        for number in range(15):
            add_book(title=f"{name}-{number}", authors=["A"], now=now)

    def sequence():
        try:
            while not stop.is_set():
                sequencer.sequence(at_least=1)
        except DatabaseError as error:
            errors.append(error)

    sequencers = [in_thread(sequence) for _ in range(2)]
    writers = [in_thread(lambda name=name: write(name)) for name in range(4)]
    for writer in writers:
        writer.join()
    stop.set()
    for each in sequencers:
        each.join()
    sequencer.sequence_all()

    assert not errors
    assert list(positions()) == list(range(1, 61))
    assert len(set(positions().values())) == 60


def test_the_next_holder_sees_what_the_last_one_committed(committed_db, a_book):
    # The lock is taken in a statement of its own. Taken in the statement that
    # reads, a waiting sequencer would read with a snapshot older than the lock.
    with transaction.atomic(), connection.cursor() as cursor:
        statements = []
        with connection.execute_wrapper(
            lambda execute, sql, *rest: (statements.append(sql), execute(sql, *rest))[1]
        ):
            sequencer.sequence()
        del cursor

    locking = [sql for sql in statements if "advisory" in sql]
    assert len(locking) == 1
    assert "outbox" not in locking[0]


@pytest.mark.parametrize("active", [True, False])
def test_each_active_route_is_owed_a_delivery(db, a_book, active):
    Route.objects.create(
        channel="webhooks", destination="x", event_type="book.created", active=active
    )
    a_book()

    sequencer.sequence_all()

    assert Delivery.objects.filter(destination="x").count() == int(active)
    assert Position.objects.get().owed == int(active)


def test_no_receiver_can_set_itself_off(db, now):
    for name in ("a.receiver", "b.receiver"):
        Route.objects.create(
            channel="signals", destination=name, event_type="book.created", ordered=True
        )
    with acting(caused_by=("a.receiver",)):
        add_book(title="T", authors=["A"], now=now)

    sequencer.sequence_all()

    assert [d.destination for d in Delivery.objects.all()] == ["b.receiver"]


def test_a_stream_keeps_its_order_whatever_is_chosen_first(committed_db, now):
    # One transaction records on another stream, lets somebody else have the second
    # one first, and only then records there: it has the first number and the last.
    wait, go_on = threading.Event(), threading.Event()
    ours, shared = uuid4(), uuid4()

    def both():
        with transaction.atomic():
            log.record([BookDeleted(book_id=ours, withdrawn_at=now)])
            wait.set()
            go_on.wait(10)
            log.record([BookDeleted(book_id=shared, withdrawn_at=now)])

    thread = in_thread(both)
    wait.wait(10)
    with transaction.atomic():
        log.record([BookDeleted(book_id=shared, withdrawn_at=now)])
    go_on.set()
    thread.join()
    while sequencer.sequence(at_least=1):
        pass

    of_shared = Event.objects.filter(stream=f"book:{shared}").in_bulk(field_name="id")
    in_order = [
        of_shared[each].version
        for each in Position.objects.order_by("position").values_list(
            "event_id", flat=True
        )
        if each in of_shared
    ]
    assert in_order == [1, 2]


def patience():
    with connection.cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        return cursor.fetchone()[0]


def test_a_frozen_holder_is_thrown_out(committed_db, request, now):
    add_book(title="T", authors=["A"], now=now)
    before, during = patience(), []
    request.addfinalizer(lambda: points.listen(None))
    points.listen(lambda name: during.append((name, patience())))

    assert sequencer.sequence() == 1

    assert during[0] == ("before_positions", "2s")
    assert during[1] == ("after_positions_before_commit", "2s")
    assert patience() == before


def test_the_patience_of_another_transaction_is_left_alone(db, now):
    add_book(title="T", authors=["A"], now=now)
    before = patience()

    assert sequencer.sequence() == 1

    assert patience() == before != "2s"


def compared_in_vain(node):
    """Return how many pairs of rows a plan, and all below it, has looked at in vain."""
    own = node.get("Rows Removed by Join Filter", 0) * node["Actual Loops"]
    return own + sum(map(compared_in_vain, node.get("Plans", ())))


def test_a_burst_after_a_quiet_time_is_not_compared_all_with_all(committed_db, now):
    burst = 200
    for number in range(3):
        Route.objects.create(
            channel="test", destination=f"r{number}", event_type="book.created"
        )
    # Of a table of a page or two all is read for each row, and rightly so.
    for number in range(QUIET):
        add_book(title=f"quiet {number}", authors=["A"], now=now)
    sequencer.sequence_all()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # the server learns that nothing ever waits
    for number in range(burst):
        add_book(title=f"burst {number}", authors=["A"], now=now)

    with transaction.atomic(), connection.cursor() as cursor:
        explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {sequencer._SEQUENCE}"
        cursor.execute(explain, {"size": 1_000, "most": 20_000})
        [[[told]]] = cursor.fetchall()
        transaction.set_rollback(True)

    assert compared_in_vain(told["Plan"]) <= burst * Route.objects.count()
