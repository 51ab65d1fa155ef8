"""
A table in parts, by key: each process folds the events of its own part.

The part of a key is told by its last character, which for a UUID is drawn evenly;
PostgreSQL tells it in the same way, so that most events of other parts are not sent.

Imports no models, like `workers.py`, which reads it.
"""

from __future__ import annotations

import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import Q, TextField, UUIDField, Value
from django.db.models.functions import Cast, Mod, Ord, Right
from django.db.models.lookups import Exact
from psycopg import sql

from outbox import codec

if TYPE_CHECKING:
    from outbox.codec import DomainEvent
    from outbox.folds import Fold, Key


@dataclass(frozen=True, slots=True)
class Part:
    """One part of so many."""

    number: int = 0
    of: int = 1

    def holds(self, key: Key) -> bool:
        """Tell whether a row with this key belongs here."""
        if self.of == 1:
            return True
        first = key[0] if isinstance(key, tuple) else key
        if isinstance(first, UUID):
            return _DIGITS[first.int & 0xF] % self.of == self.number
        return ord(str(first)[-1:] or "0") % self.of == self.number

    def has(self, fold: Fold) -> Q | Exact:
        """Return a condition on a fold's rows; it may let through, never hold back."""
        first = fold.model._meta.get_field(fold.key_columns[0])
        if self.of == 1 or not isinstance(first, UUIDField):
            return Q()
        digit = Ord(Right(Cast(first.attname, TextField()), 1))
        return Exact(Mod(digit, Value(self.of)), self.number)

    def concerns(self, fold: Fold) -> sql.Composable:
        """Return a condition on an event `e`; it may let through, never hold back."""
        if self.of == 1:
            return sql.SQL("true")
        return sql.SQL(" OR ").join(
            self._concerns(event_class, [step.field for step in steps])
            for event_class, steps in fold.steps.items()
        )

    def _concerns(
        self, event_class: type[DomainEvent], fields: list[str | None]
    ) -> sql.Composable:
        is_one = sql.SQL("e.type IN ({})").format(stored_types(event_class))
        hints = typing.get_type_hints(event_class)
        # A key that is worked out, or has another text in JSON, only Python can tell.
        if any(field is None or hints[field] is not UUID for field in fields):
            return is_one
        mine = sql.SQL(" OR ").join(
            sql.SQL("ascii(right(e.data ->> {}, 1)) % {} = {}").format(
                sql.Literal(field), sql.Literal(self.of), sql.Literal(self.number)
            )
            for field in fields
        )
        # An older shape may call the field by another name.
        return sql.SQL("({} AND (e.schema_version <> {} OR {}))").format(
            is_one, sql.Literal(event_class.schema_version), mine
        )


def stored_types(*event_classes: type[DomainEvent]) -> sql.Composable:
    """Return the names under which events of these classes are stored, as SQL."""
    names = (name for each in event_classes for name in codec.stored_as(each.type))
    return sql.SQL(", ").join(map(sql.Literal, names))


WHOLE = Part()
_DIGITS = b"0123456789abcdef"  # the last of a UUID's text, without writing it out
