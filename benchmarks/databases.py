"""Databases with the same tables as the one in use, each for one situation."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from django.core.management import call_command
from django.db import connection

from outbox import front

PRISTINE = "pristine"


def make_pristine() -> None:
    """Make the one in which nothing ever happens; the others are copies of it."""
    before = connection.settings_dict["NAME"]
    run(f'CREATE DATABASE "{PRISTINE}"')
    go_to(PRISTINE)
    call_command("migrate", run_syncdb=True, interactive=False, verbosity=0)
    go_to(before)


@contextlib.contextmanager
def copies(*names: str, of: str = "") -> Iterator[None]:
    """Have copies of a database, or of the one in use, for a while."""
    before = connection.settings_dict["NAME"]
    template = of or before
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
        go_to(before)


# The broker of this process, for one, may still be connected; it connects again.
_LEAVE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = %s AND pid <> pg_backend_pid()
"""


_BROKERS_LEAVE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'kutubxona-broker'
"""


@contextlib.contextmanager
def fresh(name: str, *, of: str = "") -> Iterator[None]:
    """Work for a while on a copy of a database, or of the one in use."""
    with copies(name, of=of):
        go_to(name)
        yield


def go_to(name: str) -> None:
    """Have Django work on another database of the server, here and in children."""
    connection.close()
    run(_BROKERS_LEAVE)  # or what is committed there would be announced here
    connection.close()
    connection.settings_dict["NAME"] = name
    url = urlsplit(os.environ["DATABASE_URL"])
    os.environ["DATABASE_URL"] = url._replace(path=f"/{name}").geturl()
    front.forget()


def run(statement: str, values: Sequence[object] | None = None) -> None:
    """Run one statement."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
