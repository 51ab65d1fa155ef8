"""
Comparing the tables with a fold from nothing.

Both are read in one snapshot, without a lock: the house goes on meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection, transaction

from outbox.apply import written
from outbox.folds import Fold, Key, Row
from projections import registry
from projections.models import Checkpoint
from projections.replay import Progress, Replay, untold


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that is not what its events add up to; None: there is no such row."""

    table: str
    key: Key
    columns: tuple[str, ...]
    stored: Row | None
    folded: Row | None

    def __str__(self) -> str:
        if self.stored is None:
            return f"{self.table} {self.key}: missing"
        if self.folded is None:
            return f"{self.table} {self.key}: should not be there"
        return f"{self.table} {self.key}: differs in " + ", ".join(
            f"{name} ({getattr(self.stored, name)!r}, "
            f"should be {getattr(self.folded, name)!r})"
            for name in self.columns
        )


def differences(*folds: Fold, progress: Progress = untold) -> list[Difference]:
    """Return the rows of these tables that differ from a fold from nothing."""
    with _snapshot():
        return [
            difference
            for group in registry.groups(folds).values()
            for difference in _compared(_replayed(group, progress))
        ]


def _replayed(group: Sequence[Fold], progress: Progress) -> Replay:
    replay = Replay(group, progress)
    if group[0].name not in registry.read_models():
        return replay.everything()
    # A read model is judged by what it has read.
    checkpoint = Checkpoint.objects.filter(name=group[0].name).first()
    return replay.upto(checkpoint.position if checkpoint else 0)


def _compared(replay: Replay) -> Iterator[Difference]:
    for fold in replay.folds:
        stored = {fold.key_of(row): row for row in _stored(fold)}
        folded = {fold.key_of(row): row for row in replay.rows(fold)}
        for key in {**folded, **stored}:
            if stored.get(key) != folded.get(key):
                yield _difference(fold, key, stored.get(key), folded.get(key))


def _stored(fold: Fold) -> Iterator[Row]:
    for values in written(fold).values(*fold.columns).iterator():
        yield fold.Row(**values)


def _difference(
    fold: Fold, key: Key, stored: Row | None, folded: Row | None
) -> Difference:
    columns = tuple(
        name
        for name in fold.columns
        if getattr(stored, name, None) != getattr(folded, name, None)
    )
    return Difference(fold.name, key, columns, stored, folded)


@contextmanager
def _snapshot() -> Iterator[None]:
    """See one state of the database throughout, if nobody has begun one before."""
    begun = connection.in_atomic_block
    with transaction.atomic():
        if not begun:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
                )
        yield
