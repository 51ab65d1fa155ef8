"""
What is said to the database about a folded table when events are applied to it.

The ORM would put the same few statements together anew each time, which takes longer
than the database takes for them. Values are written as they stand in rows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any

from outbox import prepared
from outbox.copying import MANY, copy_in
from outbox.folds import Fold, Key, Row
from outbox.locked import quoted


class Statements:
    """The statements about one fold's table."""

    def __init__(self, fold: Fold) -> None:
        self._fold = fold
        self._table = quoted(fold.name)
        self._column = dict(
            zip(fold.columns, map(quoted, fold.table_columns), strict=True)
        )
        self._key = ", ".join(self._column[name] for name in fold.key_columns)
        self._several = len(fold.key_columns) > 1

    def locked(self, keys: Collection[Key]) -> list[dict[str, Any]]:
        """Return the stored rows with these keys, locked in the order of the keys."""
        # NO KEY: a foreign key's check, at another's commit, need not wait for us.
        query = (
            f"SELECT {', '.join(self._column.values())} FROM {self._table} "  # noqa: S608
            f"WHERE {self._with(keys)} ORDER BY {self._key} FOR NO KEY UPDATE"
        )
        with prepared.cursor() as cursor:
            cursor.execute(query, self._values(keys))
            rows = cursor.fetchall()
        return [dict(zip(self._column, row, strict=True)) for row in rows]

    def insert(self, rows: Sequence[Row]) -> None:
        """Insert rows as they are."""
        if len(rows) >= MANY:
            copy_in(
                self._fold.model,
                self._fold.table_columns,
                map(self._fold.values_of, rows),
            )
        elif rows:
            values = [cell for row in rows for cell in self._fold.values_of(row)]
            row = _places(len(self._column))
            _run(f"{self._insert} {', '.join([row] * len(rows))}", values)

    def update(self, key: Key, changed: Mapping[str, Any]) -> None:
        """Write the columns of a row that have changed."""
        columns = ", ".join(f"{self._column[name]} = %s" for name in changed)
        _run(
            f"UPDATE {self._table} SET {columns} WHERE {self._with([key])}",  # noqa: S608
            [*changed.values(), *self._values([key])],
        )

    def delete(self, keys: Collection[Key]) -> None:
        """Delete the rows with these keys, and nothing that refers to them."""
        _run(
            f"DELETE FROM {self._table} WHERE {self._with(keys)}",  # noqa: S608
            self._values(keys),
        )

    @cached_property
    def _insert(self) -> str:
        columns = ", ".join(self._column.values())
        return f"INSERT INTO {self._table} ({columns}) VALUES"

    def _with(self, keys: Collection[Key]) -> str:
        if not self._several:
            return f"{self._key} = ANY(%s)"
        place = _places(len(self._fold.key_columns))
        return f"({self._key}) IN ({', '.join([place] * len(keys))})"

    def _values(self, keys: Collection[Key]) -> list[Any]:
        if not self._several:
            return [list(keys)]
        return [part for key in keys for part in key]


def _places(count: int) -> str:
    return f"({', '.join(['%s'] * count)})"


def _run(statement: str, values: Sequence[Any]) -> None:
    with prepared.cursor() as cursor:
        cursor.execute(statement, values)
