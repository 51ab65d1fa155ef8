"""
A database of its own for each test that commits.

The event log refuses TRUNCATE, so a test cannot be cleaned up after. Instead
it works on a clone of the migrated test database, which is then dropped.
"""

from __future__ import annotations

import contextlib
from urllib.parse import urlencode
from uuid import uuid4

import psycopg
import pytest
from django.db import connection, connections
from psycopg import sql

from outbox import front, nudge


@pytest.fixture
def committed_db(django_db_setup, django_db_blocker):
    """Let the test commit, in threads and processes too; yield the database's URL."""
    with django_db_blocker.unblock():
        template = connection.settings_dict["NAME"]
        clone = f"{template}_{uuid4().hex[:12]}"
        connections.close_all()
        _run("CREATE DATABASE {} TEMPLATE {}", clone, template)
        connection.settings_dict["NAME"] = clone
        try:
            yield url_of(clone)
        finally:
            connections.close_all()
            connection.settings_dict["NAME"] = template
            _run("DROP DATABASE {} WITH (FORCE)", clone)


def url_of(name: str) -> str:
    """Return the URL under which another process finds the database."""
    rest = _arguments(name)
    user = f"{rest['user']}@" if "user" in rest else ""
    query = {key: rest[key] for key in ("host", "port", "password") if key in rest}
    return f"postgresql://{user}/{name}?{urlencode(query)}"


def _arguments(name: str) -> dict[str, str]:
    given = connection.settings_dict
    named = {
        "host": given["HOST"],
        "port": given["PORT"],
        "user": given["USER"],
        "password": given["PASSWORD"],
        "dbname": name,
    }
    return {key: str(value) for key, value in named.items() if value}


def _run(statement: str, *names: str) -> None:
    with contextlib.closing(
        psycopg.connect(**_arguments("postgres"), autocommit=True)
    ) as admin:
        admin.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@pytest.fixture(autouse=True)
def a_new_front():
    """Remember nothing of the deliveries of another test's database."""
    front.forget()


@pytest.fixture(autouse=True)
def no_nudges(monkeypatch):
    """Ring no bell: its thread would hold the template while it is cloned."""
    monkeypatch.setattr(nudge, "_listeners", [])
