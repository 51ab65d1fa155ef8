"""Databases with the same tables as the one in use, each for one situation."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from django.db import connection

from outbox import front


@contextlib.contextmanager
def copies(*names: str) -> Iterator[None]:
    """Have copies of the database in use, for a while."""
    template = connection.settings_dict["NAME"]
    go_to("postgres")
    run(_LEAVE, [template])
    for name in names:
        run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield
    finally:
        go_to("postgres")
        for name in names:
            run(f'DROP DATABASE "{name}" WITH (FORCE)')
        go_to(template)


# The broker of this process, for one, may still be connected; it connects again.
_LEAVE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = %s AND pid <> pg_backend_pid()
"""


@contextlib.contextmanager
def fresh(name: str) -> Iterator[None]:
    """Work for a while on a copy of the database in use, which stays as it is."""
    with copies(name):
        go_to(name)
        yield


def go_to(name: str) -> None:
    """Have Django work on another database of the server."""
    connection.close()
    connection.settings_dict["NAME"] = name
    front.forget()


def run(statement: str, values: Sequence[object] | None = None) -> None:
    """Run one statement."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
