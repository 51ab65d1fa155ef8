"""
Comparing tables with a fold from nothing, while the house is open.

Both are read in one snapshot, without a lock, in parts by key beside each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from django.db import connection, transaction

from outbox.apply import written
from outbox.folds import Fold, Key, Row
from projections import registry
from projections.models import Checkpoint
from projections.parts import Part
from projections.reading import last_position
from projections.replay import Progress, Replay, no_collecting_of_garbage, untold
from projections.workers import HERE, Workers


@dataclass(frozen=True, slots=True)
class Difference:
    """
    A row that is not what its events add up to.

    `wrong` says of each column that differs what is stored and what should be;
    None where there is no such row, or where there should be none.
    """

    table: str
    key: Key
    wrong: tuple[tuple[str, str, str], ...]
    stored: bool
    folded: bool

    def __str__(self) -> str:
        if not self.stored:
            return f"{self.table} {self.key}: missing"
        if not self.folded:
            return f"{self.table} {self.key}: should not be there"
        return f"{self.table} {self.key}: differs in " + ", ".join(
            f"{name} ({is_}, should be {should_be})"
            for name, is_, should_be in self.wrong
        )


def differences(
    *folds: Fold, workers: Workers = HERE, progress: Progress = untold
) -> list[Difference]:
    """Return the rows of these tables that differ from a fold from nothing."""
    return [
        difference
        for fold in folds
        for difference in _differences(fold, workers, progress)
    ]


def _differences(fold: Fold, workers: Workers, progress: Progress) -> list[Difference]:
    with _snapshot(to_share=not workers.alone) as snapshot:
        parts = workers.in_parts(
            part_differences, fold.name, snapshot, progress=progress
        )
        return [difference for part in parts for difference in part]


@no_collecting_of_garbage()
def part_differences(
    part: Part, name: str, snapshot: str | None, progress: Progress
) -> list[Difference]:
    """Return what differs in one part of a table, as another session sees it."""
    fold = registry.every_fold()[name]
    with _as_seen(snapshot):
        replay = _replayed(fold, part, progress)
        folded = {fold.key_of(row): row for row in replay.rows()}
        return [*_compared(fold, part, folded)]


def _replayed(fold: Fold, part: Part, progress: Progress) -> Replay:
    replay = Replay(fold, part, progress)
    if fold.name not in registry.read_models():
        return replay.upto(last_position()).and_unplaced()
    # A read model is judged by what it has read.
    checkpoint = Checkpoint.objects.filter(name=fold.name).first()
    return replay.upto(checkpoint.position if checkpoint else 0)


def _compared(fold: Fold, part: Part, folded: dict[Key, Row]) -> Iterator[Difference]:
    """Yield what differs; what was found is taken out of `folded`."""
    values_of = fold.values_of
    for key, values in _stored(fold, part):
        should_be = folded.pop(key, None)
        if should_be is None or values_of(should_be) != values:
            stored = fold.Row(**dict(zip(fold.columns, values, strict=True)))
            yield _difference(fold, key, stored, should_be)
    for key, row in folded.items():
        yield _difference(fold, key, None, row)


def _stored(fold: Fold, part: Part) -> Iterator[tuple[Key, tuple[Any, ...]]]:
    """Yield the keys and the values of the rows in a part."""
    key_of = itemgetter(*map(fold.columns.index, fold.key_columns))
    rows = written(fold).filter(part.has(fold)).values_list(*fold.columns)
    for values in rows.iterator():
        key = key_of(values)
        if part.holds(key):
            yield key, values


def _difference(
    fold: Fold, key: Key, stored: Row | None, folded: Row | None
) -> Difference:
    wrong = (
        (name, repr(getattr(stored, name)), repr(getattr(folded, name)))
        for name in fold.columns
        if stored is not None
        and folded is not None
        and getattr(stored, name) != getattr(folded, name)
    )
    return Difference(
        fold.name, key, tuple(wrong), stored is not None, folded is not None
    )


@contextmanager
def _snapshot(*, to_share: bool) -> Iterator[str | None]:
    """See one state of the database throughout; yield its name, if others shall."""
    begun = connection.in_atomic_block  # by somebody who sees to it
    with transaction.atomic(), connection.cursor() as cursor:
        if not begun:
            cursor.execute(_ONE_STATE)
        if to_share:
            cursor.execute("SELECT pg_export_snapshot()")
        yield cursor.fetchone()[0] if to_share else None


@contextmanager
def _as_seen(snapshot: str | None) -> Iterator[None]:
    """See what that session sees; None: what this one sees already."""
    with transaction.atomic(), connection.cursor() as cursor:
        if snapshot:
            cursor.execute(_ONE_STATE)
            cursor.execute("SET TRANSACTION SNAPSHOT %s", [snapshot])
        yield


_ONE_STATE = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
