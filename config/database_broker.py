"""
PostgreSQL as broker: the database in use, or another one.

The only module that knows the broker's package.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
from django.db import connections
from dramatiq_postgres import PostgresBroker
from dramatiq_postgres import init as make_schema
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

Parameters = Callable[[], dict[str, Any]]

# Losing a nudge costs nothing. And whoever is frozen with rows of the queue in his
# hands lets go of them, or the upkeep of the queue would wait for him in every relay.
SESSION = "-c synchronous_commit=off -c idle_in_transaction_session_timeout=5000"

# A worker keeps one connection for each queue and its delayed twin, one to listen
# and some to acknowledge; a web process uses a single one. Opened as needed.
MOST_CONNECTIONS = 10


def make_tables(url: str) -> None:
    """Make what the broker needs; do nothing where it is there."""
    with psycopg.connect(**_where(url)) as connection:
        make_schema(connection.cursor())


class DatabaseBroker(PostgresBroker):  # type: ignore[misc]
    """PostgreSQL as broker, without the ten tries that held a sender for 45 s."""

    def enqueue(self, message: Any, *, delay: int | None = None) -> Any:
        return PostgresBroker.enqueue.__wrapped__(self, message, delay=delay)


class DatabaseAway(PoolClosed):
    """No connection in time. A closed pool is what the broker never retries."""


class BrokerPool(ConnectionPool[Any]):
    """A small pool that is opened by its first use, hence always after a fork."""

    def __init__(self, url: str, patience: float) -> None:
        super().__init__(
            kwargs=_parameters(url),
            min_size=0,
            max_size=MOST_CONNECTIONS,
            timeout=patience,
            reconnect_timeout=2 * patience,
            check=ConnectionPool.check_connection,
            open=False,
            name="broker",
        )

    def getconn(self, timeout: float | None = None) -> Any:
        self.open()  # does nothing the second time
        try:
            return super().getconn(timeout)
        except PoolTimeout as error:
            raise DatabaseAway(str(error)) from None


def _parameters(url: str) -> Parameters:
    """Return what makes connection parameters, asked anew for each connection."""
    return lambda: {
        **_where(url),
        "application_name": "kutubxona-broker",
        "connect_timeout": 2,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 2,
        "tcp_user_timeout": 2000,
        "options": SESSION,
    }


def _where(url: str) -> dict[str, Any]:
    return dict(conninfo_to_dict(url)) if url else _database_in_use()


def _database_in_use() -> dict[str, Any]:
    """Return where Django's connection goes now: in tests, to the test database."""
    settings = connections["default"].settings_dict
    names = {
        "dbname": "NAME",
        "user": "USER",
        "password": "PASSWORD",
        "host": "HOST",
        "port": "PORT",
    }
    given = {name: settings[key] for name, key in names.items() if settings[key]}
    return {**settings["OPTIONS"], **given}
