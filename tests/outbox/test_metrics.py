"""What Prometheus is told: the counts of processes, the state of the database."""

from __future__ import annotations

import signal
import socket
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.db.models import F
from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily
from werkzeug import Response

from library.catalog.books import add_book
from library.members.models import User
from outbox import gauges, metrics, nudge, relay, sequencer
from outbox.channels.contract import DELIVERED, Outcome
from outbox.channels.webhooks import endpoints
from outbox.columns import Now
from outbox.ids import new_id
from outbox.models import Delivery, Destination, Status
from projections import feed
from tests.scrapes import samples, scraped
from tests.threads import in_thread

PATIENCE = 40


def wait_until(true):
    ends = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < ends, "it never came true"
        time.sleep(0.05)


@pytest.fixture
def a_free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.fixture
def an_endpoint(committed_db, httpserver, settings):
    settings.OUTBOX = {**settings.OUTBOX, "PLAIN_HTTP": True}
    owner = User.objects.create_user("owner", is_staff=True)

    def make(path):
        endpoint, _ = endpoints.create(
            owner=owner, url=httpserver.url_for(path), event_types=["book.created"]
        )
        return str(endpoint.id)

    return make


def overtake(request):
    """Answer, when another relay has taken the delivery over meanwhile."""
    rows = Delivery.objects.filter(channel="webhooks", status=Status.PENDING)
    in_thread(
        lambda: rows.exclude(worker="").update(claim=F("claim") + 1, worker="another")
    ).join()
    return Response("thanks")


# --- A relay of its own ---------------------------------------------------------


def test_a_relay_tells_what_became_of_its_attempts(
    a_relay, an_endpoint, a_free_port, httpserver, now
):
    httpserver.expect_request("/good").respond_with_data("thanks")
    httpserver.expect_request("/bad").respond_with_data("no", status=500)
    httpserver.expect_request("/late").respond_with_handler(overtake)
    a_relay("--no-broker", f"--metrics=127.0.0.1:{a_free_port}")

    for path, outcome in (("/good", "ok"), ("/bad", "http_5xx"), ("/late", "fenced")):
        endpoint = an_endpoint(path)
        add_book(title="Dune", authors=["Frank Herbert"], now=now)
        counted = ("outbox_attempts_total", "webhooks", outcome)
        wait_until(lambda counted=counted: counted in scraped(a_free_port))
        endpoints.change(
            endpoints.WebhookEndpoint.objects.get(id=endpoint), active=False
        )

    told = scraped(a_free_port)
    assert told["outbox_fenced_outcomes_total", "webhooks"] == 1
    assert told["outbox_ambiguous_attempts_total", "webhooks"] >= 1
    assert told["outbox_attempt_seconds_count", "webhooks"] == 3
    assert told["outbox_sequenced_events_total",] >= 3
    assert told["outbox_database_up",] == 1


def test_one_process_tells_the_counts_of_all_that_count_in_one_folder(
    a_relay, an_endpoint, a_free_port, httpserver, now, tmp_path
):
    folder = tmp_path / "not made yet"
    httpserver.expect_request("/good").respond_with_data("thanks")
    an_endpoint("/good")
    first = a_relay("--no-broker", PROMETHEUS_MULTIPROC_DIR=str(folder))
    add_book(title="Dune", authors=["Frank Herbert"], now=now)
    wait_until(
        Delivery.objects.filter(channel="webhooks", status=Status.DELIVERED).exists
    )
    first.send_signal(signal.SIGTERM)
    first.wait(PATIENCE)

    (folder / "counter_1.db").touch()  # begun by a process, and nothing in it yet
    (folder / "histogram_1.db").write_bytes(b"\xff\xff\xff\x7f" * 4)  # broken
    a_relay(
        "--no-broker",
        f"--metrics=127.0.0.1:{a_free_port}",
        PROMETHEUS_MULTIPROC_DIR=str(folder),
    )

    told = scraped(a_free_port)
    assert told["outbox_attempts_total", "webhooks", "ok"] == 1
    assert told["outbox_sequenced_events_total",] == 2
    assert told["outbox_attempt_seconds_count", "webhooks"] == 1


@pytest.mark.parametrize("address", ["9101", ":9101", "127.0.0.1:", "127.0.0.1:65536"])
def test_a_relay_wants_host_and_port(address):
    with pytest.raises(CommandError, match=r"is no address such as 127\.0\.0\.1:9101"):
        call_command("relay", f"--metrics={address}")


def test_a_port_that_is_taken_is_said_so():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(CommandError, match=f"port {port} .*Choose another"):
            call_command("relay", f"--metrics=127.0.0.1:{port}")


# --- What is counted ------------------------------------------------------------


@pytest.fixture
def counted():
    """Tell how much a count has grown since the test began."""
    before = samples(generate_latest(metrics.COUNTED).decode())

    def grown(*name):
        now = samples(generate_latest(metrics.COUNTED).decode())
        return now.get(name, 0) - before.get(name, 0)

    return grown


def a_channel(deliver=lambda delivery, ends: DELIVERED, **more):
    return SimpleNamespace(
        **{
            "NAME": "test",
            "DEADLINE": 10.0,
            "RETRIES": (1, 10),
            "IN_TRANSACTION": False,
            "BATCH": 10,
            "PER_DESTINATION": 5,
            "WORKERS": 5,
            "GUARDED": False,
            "deliver": deliver,
            **more,
        }
    )


def owe(destination="one", **more):
    return Delivery.objects.create(
        event_id=new_id(),
        position=1,
        **{"channel": "test", "destination": destination, **more},
    )


def test_an_attempt_counts_once_with_its_outcome(db, counted):
    doubtful = Outcome(delivered=False, name="deadline", ambiguous=True)
    owe()

    relay.deliver_batch(a_channel(lambda delivery, ends: doubtful))

    assert counted("outbox_attempts_total", "test", "deadline") == 1
    assert counted("outbox_ambiguous_attempts_total", "test") == 1
    assert counted("outbox_attempt_seconds_count", "test") == 1
    assert counted("outbox_fenced_outcomes_total", "test") == 0


@pytest.mark.parametrize(("in_transaction", "ambiguous"), [(True, 0), (False, 1)])
def test_a_lost_attempt_is_counted_by_who_finds_it(
    db, counted, in_transaction, ambiguous
):
    owe()
    channel = a_channel(IN_TRANSACTION=in_transaction)
    relay.claim(channel)
    Delivery.objects.update(due_at=Now() - timedelta(seconds=1))

    relay.claim(channel)

    assert counted("outbox_attempts_total", "test", "lost") == 1
    assert counted("outbox_ambiguous_attempts_total", "test") == ambiguous


def test_a_nudge_that_fails_is_counted(counted):
    def send():
        raise ConnectionError("the broker is away")

    nudge.Bell(send).ring()

    wait_until(lambda: counted("outbox_nudge_failures_total") == 1)


def test_events_are_counted_as_they_get_their_position(db, counted, a_book):
    a_book()

    sequencer.sequence_all()

    assert counted("outbox_sequenced_events_total") >= 1


# --- What the database is asked -------------------------------------------------


def told():
    return samples(generate_latest(gauges.shown()).decode())


def test_what_is_owed_and_what_has_failed_is_told_by_destination(db):
    for _ in range(3):
        owe("slow")
    owe("broken", status=Status.DEAD, finished_at=Now())
    owe("doubtful", status=Status.UNKNOWN, finished_at=Now())
    owe("fine", status=Status.DELIVERED, finished_at=Now())

    found = told()

    assert found["outbox_pending_deliveries", "test", "slow"] == 3
    assert found["outbox_dead_deliveries", "test", "broken"] == 1
    assert found["outbox_unknown_deliveries", "test", "doubtful"] == 1
    assert not any("fine" in name for name in found)


def test_the_oldest_is_told_by_channel_and_how_late_it_is(db):
    old = owe("slow")
    owe("slow")
    hour, minute = timedelta(hours=1), timedelta(minutes=1)
    Delivery.objects.filter(id=old.id).update(
        created_at=Now() - hour, due_at=Now() - minute
    )

    found = told()

    assert 3600 <= found["outbox_oldest_undelivered_seconds", "test"] < 3660
    assert 60 <= found["outbox_oldest_due_seconds", "test"] < 120
    assert found["outbox_oldest_undelivered_seconds", "webhooks"] == 0
    assert found["outbox_oldest_due_seconds", "webhooks"] == 0


def test_what_is_not_due_yet_is_not_late(db):
    owe(due_at=Now() + timedelta(hours=1))

    assert told()["outbox_oldest_due_seconds", "test"] == 0


def test_many_destinations_become_one_beyond_the_limit(db, monkeypatch):
    monkeypatch.setattr(gauges, "MOST_DESTINATIONS", 2)
    for destination, count in (("a", 1), ("b", 3), ("c", 2), ("d", 1)):
        for _ in range(count):
            owe(destination)

    pending = {name[2]: value for name, value in told().items() if "pending" in name[0]}

    assert pending == {"b": 3, "c": 2, gauges.OTHERS: 2}


def test_who_is_left_alone_is_told_by_why(db):
    failing = {"failures": 10, "failing_since": Now()}
    for name, values in {"a": failing, "b": failing, "c": {"paused": True}}.items():
        Destination.objects.create(channel="webhooks", destination=name, **values)

    found = told()

    assert found["outbox_destinations_left_alone", "webhooks", "failing"] == 2
    assert found["outbox_destinations_left_alone", "webhooks", "paused"] == 1
    assert found["outbox_destinations_left_alone", "webhooks", "switched_off"] == 0


def test_nobody_is_named(db):
    owe("loan_receipt", channel="emails", recipient="somebody")

    text = generate_latest(gauges.shown()).decode()

    assert "loan_receipt" in text
    assert "somebody" not in text


def test_how_far_the_sequencer_and_the_read_models_are_behind(db, a_book):
    sequencer.sequence_all()
    feed.catch_up_all()
    a_book()

    waiting = told()["outbox_waiting_events",]
    sequencer.sequence_all()
    sequenced = told()
    feed.catch_up_all()

    assert waiting >= 1
    assert sequenced["outbox_waiting_events",] == 0
    assert sequenced["projections_lag_events", "availability"] == waiting
    assert told()["projections_lag_events", "availability"] == 0
    assert told()["projections_stopped", "availability"] == 0


def test_a_scrape_asks_this_much(db, django_assert_num_queries):
    for number in range(20):
        owe(f"destination {number}")

    # Four savepoints with a time-out each; three questions, and two of read models.
    with django_assert_num_queries(18):
        told()


def a_gauge_that_takes_too_long():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(60)")
    return []


def a_gauge():
    return [GaugeMetricFamily("of_another_room", "Seven.", value=7)]


def test_a_question_that_takes_too_long_hides_no_other(db, settings, monkeypatch):
    monkeypatch.setattr(gauges, "PATIENCE", "300ms")
    names = [f"{__name__}.a_gauge_that_takes_too_long", f"{__name__}.a_gauge"]
    settings.OUTBOX = {**settings.OUTBOX, "GAUGES": names}

    found = told()

    assert found["outbox_database_up",] == 0
    assert found["outbox_waiting_events",] == 0
    assert found["of_another_room",] == 7


def test_without_a_database_the_counts_are_told_all_the_same(monkeypatch):
    def away():
        raise OperationalError("connection refused")

    monkeypatch.setattr(gauges, "connection", SimpleNamespace(ensure_connection=away))

    found = told()

    assert found["outbox_database_up",] == 0
    assert ("outbox_nudge_failures_total",) in found
