"""
Folding events into the rows of their tables, in the caller's transaction.

Used live by the domain (rows locked, then folded) and by the feed of the read
models. Rows are locked in the order of their keys, so that two operations on
the same rows wait for each other instead of meeting in a deadlock. A row that its
event makes is not looked for: were it there, inserting it would be refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, reduce
from operator import or_
from typing import Any

from django.db import models

from outbox.codec import DomainEvent
from outbox.folds import Fold, Key, Row, Step
from outbox.statements import Statements

Rows = dict[Key, Row | None]
Change = tuple[Key, Step, DomainEvent]


def apply(folds: Iterable[Fold], events: Sequence[DomainEvent]) -> None:
    """Change every row the events touch, fold by fold."""
    for fold in folds:
        changes = [
            (key, step, event) for event in events for key, step in fold.changes(event)
        ]
        if changes:
            _apply(fold, changes)


def every_key(key: Key) -> bool:
    """Leave no key out."""
    return True


def fold_all(
    fold: Fold,
    rows: Rows,
    events: Iterable[DomainEvent],
    holds: Callable[[Key], bool] = every_key,
) -> None:
    """
    Fold the events into `rows`, in memory; a row that ended stays as None.

    Only the keys that `holds` says are ours.
    """
    steps_of, row_of = fold.steps.get, rows.get
    for event in events:
        for step in steps_of(type(event), ()):
            handle, told_key = step.handle, step.told_key
            for key in step.keys(event):
                if holds(key):
                    row = row_of(key)
                    rows[key] = (
                        handle(row, event, key) if told_key else handle(row, event)
                    )


def insert(fold: Fold, rows: Iterable[Row]) -> None:
    """Insert folded rows as they are."""
    _statements(fold).insert(list(rows))


def delete(rows: models.QuerySet[Any]) -> None:
    """
    Delete folded rows, and nothing that refers to them.

    Django's own way would take along, by `on_delete=CASCADE`, what people wrote in
    other tables. Foreign keys are checked at commit, when the rows are there again.
    """
    rows._raw_delete(rows.db)


def written(fold: Fold) -> models.QuerySet[Any]:
    """Return a query set that may write a folded table: for folding alone."""
    return models.QuerySet(fold.model)


def rows_with(fold: Fold, keys: Sequence[Key]) -> dict[Key, Row]:
    """Return the stored rows with these keys."""
    found = with_keys(fold, keys).values(*fold.columns)
    return {_key(fold, stored): fold.Row(**stored) for stored in found}


def with_keys(fold: Fold, keys: Iterable[Key]) -> models.QuerySet[Any]:
    """Return a query set of the rows with these keys, that may write."""
    if len(fold.key_columns) == 1:
        return written(fold).filter(**{f"{fold.key_columns[0]}__in": list(keys)})
    alternatives = (
        models.Q(**dict(zip(fold.key_columns, key, strict=True))) for key in keys
    )
    return written(fold).filter(reduce(or_, alternatives))


def _apply(fold: Fold, changes: Sequence[Change]) -> None:
    before = _locked(fold, _may_be_there(changes))
    rows: Rows = {key: fold.Row(**stored) for key, stored in before.items()}
    for key, step, event in changes:
        rows[key] = step.apply(rows.get(key), event, key)

    # DELETE, UPDATE, INSERT in this order: a partial unique index (one open
    # loan per copy) is checked at once and must see the old row gone first.
    gone = [key for key, row in rows.items() if row is None and key in before]
    if gone:
        _statements(fold).delete(gone)
    for key, row in rows.items():
        if row is not None and key in before:
            _update(fold, key, before[key], row)
    insert(fold, [r for k, r in rows.items() if r is not None and k not in before])


@cache
def _statements(fold: Fold) -> Statements:
    return Statements(fold)


def _may_be_there(changes: Sequence[Change]) -> set[Key]:
    first = {key: step for key, step, _ in reversed(changes)}
    return {key for key, step in first.items() if not step.makes}


def _locked(fold: Fold, keys: set[Key]) -> dict[Key, dict[str, Any]]:
    if not keys:
        return {}
    return {_key(fold, stored): stored for stored in _statements(fold).locked(keys)}


def _update(fold: Fold, key: Key, before: Mapping[str, Any], row: Row) -> None:
    changed = {
        name: getattr(row, name)
        for name in fold.columns
        if getattr(row, name) != before[name]
    }
    if changed:
        _statements(fold).update(key, changed)


def _key(fold: Fold, stored: Mapping[str, Any]) -> Key:
    values = tuple(stored[name] for name in fold.key_columns)
    return values if len(values) > 1 else values[0]
