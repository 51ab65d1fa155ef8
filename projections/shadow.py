"""
The table beside the table: made in another schema, filled, and kept up to date.

It has the same parts, columns, indexes and constraints under the same names, and no
foreign keys: one on a shadow would keep its parents from being deleted. Who is killed
leaves it behind, in nobody's way; the next rebuild drops it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from psycopg import sql

from outbox import log
from outbox.apply import apply
from outbox.folds import Fold, Key, Row
from outbox.log import Placed
from projections.errors import CannotFold, describe
from projections.feed import BATCH, is_pause

SCHEMA = "shadow"
FEW = 200  # events that may be left for the moment of taking over


class Shadow:
    """The shadow of one fold's table, folded up to `position`."""

    def __init__(self, fold: Fold) -> None:
        self.fold = fold
        fields = fold.model._meta.concrete_fields
        self.columns = {each.attname: str(each.column) for each in fields}
        self.position = 0
        self.table = sql.Identifier(SCHEMA, fold.name)
        self.live = sql.Identifier(fold.name)

    def make(self) -> None:
        """Make it, empty; drop what a killed rebuild has left."""
        with transaction.atomic():
            _run("CREATE SCHEMA IF NOT EXISTS {}", sql.Identifier(SCHEMA))
            self.drop()
            tables, name = _all_of(self.fold.name), self.fold.name
            values = {"tables": tables, "table": name, "schema": SCHEMA}
            for (statement,) in _rows(_TABLES, values):
                _rows(statement)

    def drop(self) -> None:
        """Drop it, if it is there."""
        _run("DROP TABLE IF EXISTS {}", self.table)

    def fill(self, rows: Iterable[Row]) -> int:
        """Write rows into it by binary COPY; return how many."""
        types = dict(_rows(_TYPES, {"table": self.fold.name}))
        names = _names(self.columns.values())
        into = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)")
        values_of, count = self.fold.values_of, 0
        with (
            connection.cursor() as cursor,
            cursor.copy(into.format(self.table, names)) as copy,
        ):
            copy.set_types([types[column] for column in self.columns.values()])
            for row in rows:
                copy.write_row(values_of(row))
                count += 1
        return count

    def finish(self) -> None:
        """Make the indexes and constraints that a table is faster filled without."""
        for (statement,) in _rows(
            _INDEXES, {"table": self.fold.name, "schema": SCHEMA}
        ):
            _rows(statement)
        _run("ANALYZE {}", self.table)

    def chase(self, end: Callable[[], int], *, leave: int = FEW) -> None:
        """Fold what was recorded meanwhile, until at most `leave` events remain."""
        while (upto := end()) - self.position > leave:
            self.position = self.folded(upto)

    def folded(self, upto: int) -> int:
        """Fold the next events up to a position; return how far it came."""
        position = self.position
        while position < upto:
            end = min(position + BATCH, upto)
            self._fold(log.read(after=position, upto=end))
            position = end
        return position

    def _fold(self, batch: Sequence[Placed]) -> None:
        try:
            with self.in_place_of_the_table():
                apply([self.fold], [placed.event for placed in batch])
        except Exception as error:
            if is_pause(error):
                raise
            if len(batch) == 1:
                culprit = (batch[0].event.type, str(batch[0].id))
                raise CannotFold(self.fold.name, *culprit, describe(error)) from error
            for each in batch:  # so that it gets named
                self._fold([each])

    @contextmanager
    def in_place_of_the_table(self) -> Iterator[None]:
        """Let queries for the table find the shadow."""
        with transaction.atomic():
            ((path,),) = _rows("SELECT current_setting('search_path')")
            _rows(_SEARCH_PATH, {"path": f"{SCHEMA}, {path}"})
            yield
            _rows(_SEARCH_PATH, {"path": path})

    def differing(self) -> list[Key]:
        """Return the keys of rows that are not the same in both, without a lock."""
        query = sql.SQL(
            "SELECT {key} FROM {live} a FULL JOIN {shadow} b USING ({key})"
            " WHERE ({a}) IS DISTINCT FROM ({b})"
        ).format(
            key=_names(self.columns[name] for name in self.fold.key_columns),
            live=self.live,
            shadow=self.table,
            a=_names(self.columns.values(), of="a"),
            b=_names(self.columns.values(), of="b"),
        )
        found = _rows(query)
        return [row if len(row) > 1 else row[0] for row in found]

    def can_be_exchanged(self) -> bool:
        """Tell whether nothing hangs on the table that a copy would not have."""
        ((hangs,),) = _rows(_HANGS_ON_IT, {"tables": _all_of(self.fold.name)})
        return not hangs

    def exchange(self) -> None:
        """Put it in the place of the table, in the caller's transaction."""
        ((schema,),) = _rows("SELECT current_schema()")
        _run("DROP TABLE {}", self.live)
        tables = _all_of(f"{SCHEMA}.{self.fold.name}")
        for (name,) in _rows(_NAMES, {"tables": tables}):
            moving = sql.Identifier(SCHEMA, name)
            _run("ALTER TABLE {} SET SCHEMA {}", moving, sql.Identifier(schema))


def _all_of(table: str) -> list[int]:
    return [oid for (oid,) in _rows(_ALL_OF_IT, {"table": table})]


def _names(columns: Iterable[str], of: str | None = None) -> sql.Composed:
    table = (of,) if of else ()
    return sql.SQL(", ").join([sql.Identifier(*table, name) for name in columns])


def _run(statement: str, *names: sql.Composable) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(*names))


def _rows(
    statement: str | sql.Composable, values: dict[str, Any] | None = None
) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall()) if cursor.description else []


_SEARCH_PATH = "SELECT set_config('search_path', %(path)s, true)"

_TYPES = """
SELECT attname, atttypid FROM pg_attribute
WHERE attrelid = to_regclass(%(table)s) AND attnum > 0 AND NOT attisdropped
"""

# The table and its parts, if it has any.
_ALL_OF_IT = """
SELECT to_regclass(%(table)s)::oid UNION ALL
SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass(%(table)s)
"""

_NAMES = "SELECT relname FROM pg_class WHERE oid = ANY(%(tables)s::oid[])"

# For the other schema, the table before its parts.
_TABLES = """
SELECT CASE
    WHEN relispartition THEN format(
        'CREATE TABLE %%I.%%I PARTITION OF %%I.%%I %%s',
        %(schema)s, relname, %(schema)s, %(table)s, pg_get_expr(relpartbound, oid)
    )
    ELSE format(
        'CREATE TABLE %%I.%%I (LIKE %%s INCLUDING ALL EXCLUDING INDEXES) %%s',
        %(schema)s, relname, oid::regclass, 'PARTITION BY ' || pg_get_partkeydef(oid)
    )
END
FROM pg_class WHERE oid = ANY(%(tables)s::oid[]) ORDER BY relispartition
"""

# The table's own, for the other schema; names are free there.
_INDEXES = """
SELECT CASE
    WHEN c.oid IS NULL THEN regexp_replace(
        pg_get_indexdef(i.indexrelid),
        ' ON (ONLY )?\\S+ USING ',
        format(' ON %%I.%%I USING ', %(schema)s, t.relname)
    )
    ELSE format(
        'ALTER TABLE %%I.%%I ADD CONSTRAINT %%I %%s',
        %(schema)s, t.relname, c.conname, pg_get_constraintdef(c.oid)
    )
END
FROM pg_index i
JOIN pg_class t ON t.oid = i.indrelid
LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.conrelid = t.oid
    AND c.contype IN ('p', 'u', 'x')
WHERE i.indrelid = to_regclass(%(table)s)
ORDER BY i.indexrelid
"""

# Views, foreign keys either way, triggers, policies, grants and options.
_HANGS_ON_IT = """
SELECT bool_or(t.relacl IS NOT NULL OR t.reloptions IS NOT NULL OR t.relrowsecurity
    OR EXISTS (
        SELECT FROM pg_depend
        WHERE refclassid = 'pg_class'::regclass AND refobjid = t.oid
          AND classid = 'pg_rewrite'::regclass
    )
    OR EXISTS (
        SELECT FROM pg_constraint
        WHERE contype = 'f' AND t.oid IN (conrelid, confrelid)
    )
    OR EXISTS (SELECT FROM pg_trigger WHERE tgrelid = t.oid)
    OR EXISTS (SELECT FROM pg_publication_rel WHERE prrelid = t.oid))
FROM pg_class t WHERE t.oid = ANY(%(tables)s::oid[])
"""
