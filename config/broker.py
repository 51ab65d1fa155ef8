"""
BROKER_URL -> the Dramatiq broker: the database itself, RabbitMQ or Redis.

A message is only a nudge, so a broker here may lose, double and delay, but it must
not hold anybody up: making one never connects, and talking to a dead one fails
after about a second instead of being tried again. The sweep delivers meanwhile.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urlsplit

import dramatiq
import redis
from django.db import close_old_connections, connections
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import (
    CurrentMessage,
    Middleware,
    MiddlewareError,
    TimeLimit,
)
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.database_broker import BrokerPool, DatabaseBroker, make_tables

PATIENCE = 1.0  # seconds to wait for a connection
POLL = 5  # milliseconds to rest at most after listening to Redis in vain
LISTEN = 0.5  # seconds for which one question waits there; within PATIENCE
MOST_RINGS = 16  # kept of one bell that nobody hears
LONGEST_ACTOR = 600_000  # milliseconds; every attempt has its own, smaller deadline

RABBITMQ = {
    "heartbeat": 10,
    "connection_attempts": 1,
    "socket_timeout": PATIENCE,
    "stack_timeout": 2 * PATIENCE,
    "blocked_connection_timeout": 2 * PATIENCE,
}


def install(url: str) -> None:
    """Make the broker for `url` the one that actors join; before any is imported."""
    dramatiq.set_broker(make_broker(url))


def make_broker(url: str) -> dramatiq.Broker:
    """Return the broker for a URL; "" is the database in use. Never connects."""
    scheme = urlsplit(url).scheme
    if scheme in ("amqp", "amqps"):
        return RabbitmqBroker(
            url=_with_defaults(url, RABBITMQ),
            confirm_delivery=True,
            middleware=middleware(),
        )
    if scheme in ("redis", "rediss"):
        return PromptRedis(  # type: ignore[no-untyped-call]
            client=_redis_client(url), middleware=middleware()
        )
    return DatabaseBroker(
        pool=BrokerPool(url, PATIENCE), results=False, middleware=middleware()
    )


def prepare(url: str) -> None:
    """Make the tables of a broker that is a database; do nothing for the others."""
    if urlsplit(url).scheme in ("", "postgres", "postgresql"):
        make_tables(url)


def middleware() -> list[Middleware]:
    """
    Return all middleware there is: Dramatiq's own list is not wanted.

    It would try again (the database does), drop old messages (an actor knows which say
    nothing new), interrupt actors at shutdown (they end by their deadline) and call
    back.
    """
    return [
        CurrentMessage(),
        FreshConnections(),
        NoRetries(),
        TimeLimit(time_limit=LONGEST_ACTOR),
    ]


class FreshConnections(Middleware):
    """Leave no message a database connection that has died meanwhile."""

    def before_process_message(self, broker: Any, message: Any) -> None:
        close_old_connections()

    def after_process_message(
        self, broker: Any, message: Any, *, result: Any = None, exception: Any = None
    ) -> None:
        close_old_connections()

    def before_worker_thread_shutdown(self, broker: Any, thread: Any) -> None:
        connections.close_all()


class WouldBeRetried(MiddlewareError):
    """An actor asks to be tried again. Only this kind of error stops a declaration."""


class NoRetries(Middleware):
    """Accept the option `max_retries` from actors, and only with the value 0."""

    @property
    def actor_options(self) -> set[str]:
        return {"max_retries"}

    def before_declare_actor(self, broker: Any, actor: Any) -> None:
        if actor.options.get("max_retries") != 0:
            raise WouldBeRetried(
                f"Actor {actor.actor_name} must say max_retries=0: a message is a "
                "nudge, and the database tries again."
            )


class PromptRedis(RedisBroker):
    """
    Redis as broker, with a bell for each queue.

    Dramatiq's consumers ask, and sleep in between; these wait for the bell that is
    rung with each new message. What is put back without it is found by the next fetch.
    """

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = POLL) -> Any:
        return super().consume(queue_name, prefetch, timeout=min(timeout, POLL))

    def do_enqueue(self, queue_name: str, message_id: str, message: bytes) -> None:
        self._do("enqueue")(queue_name, message_id, message)
        bell = self._bell(queue_name)
        with self.client.pipeline(transaction=False) as ringing:
            ringing.lpush(bell, 1)
            ringing.ltrim(bell, 0, MOST_RINGS - 1)
            ringing.execute()

    def do_fetch(self, queue_name: str, prefetch: int) -> list[bytes]:
        fetch = self._do("fetch")
        found: list[bytes] = fetch(queue_name, prefetch)
        if not found and self._rings(queue_name):
            found = fetch(queue_name, prefetch)
        return found

    def _rings(self, queue_name: str) -> bool:
        try:
            return bool(self.client.blpop([self._bell(queue_name)], timeout=LISTEN))
        except redis.TimeoutError:  # one that is really away fails the next fetch
            return False

    def _do(self, command: str) -> Any:
        return super().__getattr__(f"do_{command}")  # type: ignore[no-untyped-call]

    def _bell(self, queue_name: str) -> str:
        return f"{self.namespace}:{queue_name}.bell"


def _redis_client(url: str) -> Any:
    return redis.Redis.from_url(
        url,
        socket_connect_timeout=PATIENCE,
        socket_timeout=PATIENCE,
        health_check_interval=10,
        retry=Retry(NoBackoff(), 0),
    )


def _with_defaults(url: str, defaults: dict[str, float]) -> str:
    """Add parameters to a URL, those it has already staying as they are."""
    parts = urlsplit(url)
    query = "&".join(filter(None, [urlencode(defaults), parts.query]))
    return parts._replace(query=query).geturl()
