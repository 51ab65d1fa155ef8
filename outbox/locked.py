"""
The row of a folded table with a key, locked until the transaction ends.

Every operation begins with one or two of these. The ORM would put the same statement
together anew each time, which takes longer than the database takes for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

from django.db import connection, models

from outbox import prepared

M = TypeVar("M", bound=models.Model)


def locked(model: type[M], key: Any, related: str = "") -> M | None:
    """
    Return the row with this primary key, locked, or None where there is none.

    With the row that `related`, a foreign key, refers to, which is not locked.
    """
    with prepared.cursor() as cursor:
        cursor.execute(_statement(model, related), [key])
        found = cursor.fetchone()
    if found is None:
        return None
    own = len(_names(model))
    row = _instance(model, found[:own])
    if related:
        _keep(row, related, found[own:])
    return row


@cache
def _statement(model: type[models.Model], related: str) -> str:
    meta = model._meta
    columns, joined = _columns(model, "own"), ""
    if related:
        field: Any = meta.get_field(related)
        other = field.related_model
        columns += _columns(other, "other")
        joined = (
            f"LEFT JOIN {quoted(other._meta.db_table)} other "
            f"ON other.{quoted(other._meta.pk.column)} = own.{quoted(field.column)} "
        )
    # NO KEY: a foreign key's check, at another's commit, need not wait for us.
    return (
        f"SELECT {', '.join(columns)} FROM {quoted(meta.db_table)} own {joined}"  # noqa: S608
        f"WHERE own.{quoted(meta.pk.column)} = %s FOR NO KEY UPDATE OF own"
    )


def _keep(row: models.Model, related: str, found: Sequence[Any]) -> None:
    """Keep with a row what it refers to, so that nobody has to ask for it."""
    field: Any = row._meta.get_field(related)
    other = _instance(field.related_model, found)
    if other.pk is not None:
        field.set_cached_value(row, other)
    # None, too, if another changed the reference while we waited for the row: it was
    # joined before. Then Django asks, once somebody wants it.


def _instance(model: type[M], found: Sequence[Any]) -> M:
    return model.from_db(connection.alias, _names(model), found)


@cache
def _names(model: type[models.Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]


def _columns(model: type[models.Model], table: str) -> list[str]:
    fields = model._meta.concrete_fields
    return [f"{table}.{quoted(field.column)}" for field in fields]


def quoted(name: str | None) -> str:
    """Return the name of a table or a column as it can stand in a statement."""
    return str(connection.ops.quote_name(str(name)))
