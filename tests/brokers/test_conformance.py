"""
What every broker has to do for us, on each one that is there.

The embedded default always runs. RabbitMQ and Redis are found by AMQP_URL and
REDIS_URL or on their usual port of this machine; one that is absent is skipped, or,
with REQUIRE_BROKERS=1, fails.
"""

from __future__ import annotations

import os
import socket
import threading
from urllib.parse import urlsplit
from uuid import uuid4

import dramatiq
import pytest
import redis
from dramatiq.errors import ConnectionClosed
from dramatiq.worker import Worker

from config import broker
from config.database_broker import DatabaseAway

PATIENCE = 30
A_RETRY_TAKES = 2.0  # seconds, more than enough where the backoff is 1 ms
USUAL = {
    "amqp": ("AMQP_URL", "amqp://guest:guest@127.0.0.1:5672", 5672),
    "redis": ("REDIS_URL", "redis://127.0.0.1:6379/0", 6379),
}


def url_of(kind, committed_db):
    if kind == "postgresql":
        broker.prepare(committed_db)
        return committed_db
    variable, usual, usual_port = USUAL[kind]
    url = os.environ.get(variable, usual)
    host, port = urlsplit(url).hostname, urlsplit(url).port or usual_port
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        if os.environ.get("REQUIRE_BROKERS") == "1":
            pytest.fail(f"no {kind} broker at {host}:{port}")
        pytest.skip(f"no {kind} broker; name one in {variable}")
    return url


@pytest.fixture(params=["postgresql", "amqp", "redis"])
def a_broker(request, committed_db):
    """A broker of each kind, with a queue that is nobody else's."""
    made = broker.make_broker(url_of(request.param, committed_db))
    yield made
    made.close()


@pytest.fixture
def a_worker():
    started = []

    def start(made):
        worker = Worker(made, worker_threads=2, worker_timeout=100)
        started.append(worker)
        worker.start()
        return worker

    yield start
    for worker in started:
        worker.stop(timeout=10_000)


def an_actor(made, function):
    return dramatiq.actor(
        function,
        broker=made,
        actor_name=f"a{uuid4().hex}",
        queue_name=f"q{uuid4().hex}",
        max_retries=0,
    )


def test_a_nudge_wakes_a_worker(a_broker, a_worker):
    woken = threading.Event()
    actor = an_actor(a_broker, woken.set)
    a_worker(a_broker)

    actor.send()

    assert woken.wait(PATIENCE)


def test_a_consumer_of_redis_hears_the_bell(committed_db, monkeypatch):
    monkeypatch.setattr(broker, "PATIENCE", PATIENCE)
    monkeypatch.setattr(broker, "LISTEN", PATIENCE / 2)
    made = broker.make_broker(url_of("redis", committed_db))
    actor, found = an_actor(made, lambda: None), []
    bell = f"{made.namespace}:{actor.queue_name}.bell"
    waiting = threading.Thread(
        target=lambda: found.extend(made.do_fetch(actor.queue_name, 1)), daemon=True
    )
    waiting.start()
    while waiting.is_alive() and not listening(made):
        pass

    actor.send()
    waiting.join(PATIENCE / 4)

    assert len(found) == 1
    assert not made.client.exists(bell)
    made.close()


def listening(made):
    return any(each["cmd"] == "blpop" for each in made.client.client_list())


def test_a_redis_that_pauses_is_not_taken_for_dead(committed_db, monkeypatch):
    monkeypatch.setattr(broker, "LISTEN", PATIENCE)
    made = broker.make_broker(f"{url_of('redis', committed_db)}?socket_timeout=0.1")
    actor = an_actor(made, lambda: None)

    assert made.do_fetch(actor.queue_name, 1) == []

    made.close()


def test_bells_that_nobody_hears_are_kept_small(committed_db):
    made = broker.make_broker(url_of("redis", committed_db))
    actor = an_actor(made, lambda: None)

    for _ in range(broker.MOST_RINGS + 5):
        actor.send()

    bell = f"{made.namespace}:{actor.queue_name}.bell"
    assert made.client.llen(bell) == broker.MOST_RINGS
    made.client.delete(bell)
    made.flush(actor.queue_name)
    made.close()


def test_who_is_frozen_with_messages_in_his_hands_lets_go_of_them(committed_db):
    made = broker.make_broker(url_of("postgresql", committed_db))

    with made.pool.connection() as session:
        (shown,) = session.execute(
            "SELECT setting::int FROM pg_settings "
            "WHERE name = 'idle_in_transaction_session_timeout'"
        ).fetchone()

    assert 0 < shown <= 5000
    made.close()


def test_a_nudge_sent_before_there_is_a_worker_is_kept(a_broker, a_worker):
    woken = threading.Event()
    actor = an_actor(a_broker, woken.set)

    actor.send()
    a_worker(a_broker)

    assert woken.wait(PATIENCE)


def test_a_nudge_that_failed_is_not_tried_again(a_broker, a_worker):
    calls, all_called, again = [], threading.Event(), threading.Event()

    def act(name):
        if name in calls:
            again.set()
        calls.append(name)
        if len(calls) == 3:
            all_called.set()
        raise RuntimeError("not today")

    actor = an_actor(a_broker, act)
    a_worker(a_broker)
    for name in ("first", "second", "third"):
        # A broker that does try again is asked to do so at once.
        actor.send_with_options(args=(name,), max_retries=1, min_backoff=1)

    assert all_called.wait(PATIENCE)
    assert not again.wait(A_RETRY_TAKES)
    assert sorted(calls) == ["first", "second", "third"]


def test_an_actor_that_would_be_retried_is_refused(a_broker):
    with pytest.raises(broker.WouldBeRetried, match="max_retries=0"):
        dramatiq.actor(lambda: None, broker=a_broker, actor_name="wrong", max_retries=3)


@pytest.mark.parametrize(
    "scheme",
    ["postgresql://x@127.0.0.1:{}/x", "amqp://127.0.0.1:{}", "redis://127.0.0.1:{}"],
)
def test_making_a_broker_never_connects(scheme):
    with socket.create_server(("127.0.0.1", 0)) as black_hole:
        port = black_hole.getsockname()[1]
        broker.make_broker(scheme.format(port)).close()
        black_hole.settimeout(0.1)

        with pytest.raises(TimeoutError):
            black_hole.accept()


@pytest.mark.parametrize(
    ("scheme", "error"),
    [
        ("postgresql://x@127.0.0.1:{}/x", DatabaseAway),
        ("amqp://127.0.0.1:{}", ConnectionClosed),
        ("redis://127.0.0.1:{}", redis.ConnectionError),
    ],
)
def test_a_dead_broker_fails_and_says_so(scheme, error):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    made = broker.make_broker(scheme.format(port))
    actor = an_actor(made, lambda: None)

    with pytest.raises(error):
        actor.send()

    made.close()
