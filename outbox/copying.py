"""Many rows at once, by COPY: neither put together as a statement nor parsed as one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, models
from psycopg import sql

MANY = 20  # rows; fewer come as fast by INSERT


def copy_in(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
) -> None:
    """
    Insert rows; a value is a text as PostgreSQL reads it, or what psycopg can write.

    Raises what an INSERT raises. Defaults of the model are not looked at.
    """
    names = sql.SQL(", ").join([sql.Identifier(name) for name in columns])
    into = sql.SQL("COPY {} ({}) FROM STDIN")
    table = sql.Identifier(model._meta.db_table)
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(into.format(table, names)) as copy,
    ):
        for row in rows:
            copy.write_row(row)
