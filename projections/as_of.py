"""
Rows as they were at an earlier moment, and the events that made them.

Nothing is kept for it: the events that concern a thing, or its owner, are found by the
ids they are about and folded up to a position. That is fast for one, and would be the
whole log for all; so what is wider is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import Max
from django.utils import timezone

from outbox import log
from outbox.apply import Rows, fold_all
from outbox.errors import AsOfTooWide
from outbox.folds import Fold, Key, Row
from outbox.log import Recorded
from outbox.models import Position
from projections.errors import NotYetSo
from projections.reading import last_position


@dataclass(frozen=True, slots=True)
class Change:
    """An event that changed a row; `after` is None where it ended the row."""

    recorded: Recorded
    before: dict[str, Any]
    after: dict[str, Any] | None


def position_at(moment: datetime) -> int:
    """Return the last position that was given at or before a time; 0 for none."""
    given = Position.objects.filter(known_at__lte=moment)
    return given.aggregate(last=Max("position"))["last"] or 0


def place(as_of: datetime | int, *, now: datetime) -> int:
    """
    Return the position that a position or a time stands for.

    Raises NotYetSo for what is still to come: its answer could change.
    """
    if isinstance(as_of, int):
        end = last_position()
        if as_of > end:
            raise NotYetSo(f"position {as_of}", f"The log ends at {end}.")
        return as_of
    if as_of > now:
        raise NotYetSo(as_of.isoformat(), f"It is {now.isoformat()}.")
    return position_at(as_of)


def asked(wanted: Mapping[str, Any]) -> int | None:
    """Return the position up to which a query asks; None: for what is so now."""
    moment = wanted.get("as_of")
    return None if moment is None else place(moment, now=timezone.now())


def rows(fold: Fold, *, about: Sequence[UUID], upto: int | None) -> list[Any]:
    """
    Return what concerned some ids, as it stood at a position, as unsaved models.

    None: as it stands now, with what waits for a position.

    Only for ids that every event of the rows is about, as a loan's are about its
    member: of other rows a part would be missing.
    """
    folded: Rows = {}
    fold_all(fold, folded, (each.event for each in _events(fold, about, upto)))
    return [_model(fold, row) for row in folded.values() if row is not None]


def row(fold: Fold, key: Key, *, upto: int | None = None) -> Any | None:
    """Return one row as it stood at a position, as an unsaved model; None for none."""
    steps = [after for _, after in _steps(fold, key, upto)]
    if not steps or steps[-1] is None:
        return None
    return _model(fold, steps[-1])


def changes(fold: Fold, key: Key, *, upto: int | None = None) -> Iterator[Change]:
    """Yield, in order, the events that changed a row, and how."""
    before: Row | None = None
    for recorded, after in _steps(fold, key, upto):
        names = [
            name
            for name in fold.columns
            if getattr(before, name, None) != getattr(after, name, None)
        ]
        if names:
            was = {name: getattr(before, name, None) for name in names}
            became = {name: getattr(after, name, None) for name in names}
            yield Change(recorded, was, None if after is None else became)
        before = after


def _steps(
    fold: Fold, key: Key, upto: int | None
) -> Iterator[tuple[Recorded, Row | None]]:
    """Yield each event that touches a row, with what became of the row."""
    table: Rows = {}
    for recorded in _events(fold, [_owner(key)], upto):
        if any(touched == key for touched, _ in fold.changes(recorded.event)):
            fold_all(fold, table, [recorded.event], lambda each: each == key)
            yield recorded, table[key]


def _events(fold: Fold, about: Sequence[UUID], upto: int | None) -> Iterator[Recorded]:
    types = [event_class.type for event_class in fold.steps]
    return log.concerning(about, types=types, upto=upto)


def _owner(key: Key) -> UUID:
    """Return the id that the events of a row are about."""
    first = key[0] if isinstance(key, tuple) else key
    if not isinstance(first, UUID):
        raise AsOfTooWide
    return first


def _model(fold: Fold, row: Row) -> models.Model:
    return fold.model(**{name: getattr(row, name) for name in fold.columns})
