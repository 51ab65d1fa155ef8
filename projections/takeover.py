"""
Putting what was folded in the place of what is there, while the house is open.

A read model is exchanged for its shadow, under the lock of its checkpoint. Where other
things hang on a table (foreign keys, views, grants), and in the domain always, rows are
reconciled in place instead, a few at a time: nothing differs, as a rule.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from django.db import IntegrityError, OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

from outbox import gate, nudge, sequencer
from outbox.apply import delete, insert, rows_with, with_keys
from outbox.folds import Fold, Key, Row
from projections import registry
from projections.errors import CouldNotTakeOver
from projections.models import Checkpoint
from projections.reading import last_position
from projections.shadow import Shadow

BATCH = 250  # keys corrected while the others wait
PATIENCE = 60.0  # seconds until we give up on getting hold of a table

T = TypeVar("T")
Wrong = Sequence[tuple[Shadow, Sequence[Key]]]


def can_exchange(shadows: Sequence[Shadow]) -> bool:
    """Tell whether this is a read model on which nothing hangs."""
    return all(
        is_read_model(shadow.fold) and shadow.can_be_exchanged() for shadow in shadows
    )


def take_over(shadows: Sequence[Shadow], *, exchanged: bool) -> int | None:
    """Put shadows in the place of their tables; return how many rows were corrected."""
    if not exchanged:
        return reconcile(shadows)
    for shadow in shadows:
        exchange(shadow)
    return None


def exchange(shadow: Shadow) -> None:
    """
    Exchange a read model for its shadow; a stopped one goes on again.

    Readers see the old rows or the new ones. Raises CouldNotTakeOver.
    """

    def attempt() -> int:
        checkpoint = Checkpoint.objects.lock(shadow.fold.name)
        position = shadow.folded(last_position())
        shadow.exchange()
        checkpoint.resume(position)
        return position

    shadow.position = _patiently(shadow.fold, attempt)


def reconcile(shadows: Sequence[Shadow]) -> int:
    """
    Correct the rows that differ from their shadows, in place; return how many.

    Batches that the table's own constraints refuse are tried once more, all together,
    after the others: two rows may each have what belongs to the other.
    """
    corrected, refused = 0, list[tuple[Shadow, Sequence[Key]]]()
    for shadow in shadows:
        for keys in _batches(shadow.differing()):
            try:
                corrected += _correct([(shadow, keys)])
            except IntegrityError:
                refused.append((shadow, keys))
    if refused:
        corrected += _correct(refused)
    for shadow in shadows:
        if is_read_model(shadow.fold):
            _resume(shadow)
    return corrected


def end_for(fold: Fold) -> Callable[[], int]:
    """Return what tells up to where a table that is corrected in place is folded."""
    if not is_read_model(fold):
        return last_position
    # What it has read. Beyond that, its feed goes on.
    return lambda: Checkpoint.objects.get_or_create(name=fold.name)[0].position


def is_read_model(fold: Fold) -> bool:
    """Tell a read model from the domain's own tables."""
    return fold.name in registry.read_models()


def _correct(wrong: Wrong) -> int:
    fold = wrong[0][0].fold
    began = time.monotonic()
    corrected, positions = _patiently(fold, lambda: _corrected(wrong))
    for (shadow, _), position in zip(wrong, positions, strict=True):
        shadow.position = position
    time.sleep(time.monotonic() - began)  # the others have waited as long
    return corrected


def _corrected(wrong: Wrong) -> tuple[int, list[int]]:
    """Hold all writers off, bring the shadows up to date, and write what differs."""
    _hold([shadow.fold for shadow, _ in wrong])
    positions = [shadow.folded(end_for(shadow.fold)()) for shadow, _ in wrong]
    changes = [_change(shadow, keys) for shadow, keys in wrong]
    # All that is wrong goes before anything comes: what is unique is checked at once,
    # foreign keys at the commit.
    for fold, keys, _ in reversed(changes):
        if keys:
            delete(with_keys(fold, keys))
    for fold, _, rows in changes:
        insert(fold, rows)
    return sum(len(keys) for _, keys, _ in changes), positions


def _change(
    shadow: Shadow, keys: Sequence[Key]
) -> tuple[Fold, Sequence[Key], Sequence[Row]]:
    """Return which of these keys differ, and the rows that should be there."""
    stored = rows_with(shadow.fold, keys)
    with shadow.in_place_of_the_table():
        folded = rows_with(shadow.fold, keys)
    differ = [key for key in keys if stored.get(key) != folded.get(key)]
    return shadow.fold, differ, [folded[key] for key in differ if key in folded]


def _hold(folds: Sequence[Fold]) -> None:
    """Keep everybody else from writing these tables until the transaction ends."""
    for fold in folds:
        if is_read_model(fold):
            Checkpoint.objects.lock(fold.name)
    if not all(map(is_read_model, folds)):
        gate.enter_alone()
        # A relay that is at it would keep us from giving the positions ourselves.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [sequencer.SEQUENCER])
        sequencer.sequence_all()
        transaction.on_commit(nudge.work_waiting, robust=True)


def _resume(shadow: Shadow) -> None:
    with transaction.atomic():
        checkpoint = Checkpoint.objects.lock(shadow.fold.name)
        checkpoint.resume(checkpoint.position)


def _batches(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    for start in range(0, len(keys), BATCH):
        yield keys[start : start + BATCH]


def _patiently(fold: Fold, attempt: Callable[[], T]) -> T:
    """Do it in one transaction that waits for no lock for long, again and again."""
    give_up_at = time.monotonic() + PATIENCE
    while True:
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("SET LOCAL lock_timeout = '100ms'")
                answer = attempt()
                with connection.cursor() as cursor:
                    cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
                return answer
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
            if time.monotonic() > give_up_at:
                raise CouldNotTakeOver(fold.name, PATIENCE) from error
        time.sleep(random.uniform(0.02, 0.1))  # noqa: S311
