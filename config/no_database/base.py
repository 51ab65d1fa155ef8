"""
The database engine of settings without a database.

Checks, type checks and `makemigrations` need settings but no connection: they load
with this engine. Whoever does connect is told what to do.
"""

from __future__ import annotations

from typing import Any, NoReturn

from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError
from django.db.backends.postgresql import base


class NoDatabase(ImproperlyConfigured, OperationalError):
    """Both: a mistake in the configuration, and a database that is not there."""


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> NoReturn:
        raise NoDatabase(
            "There is no database. Start this checkout's own with `make run`, or "
            "set DATABASE_URL to a PostgreSQL of yours."
        )
