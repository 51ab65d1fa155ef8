"""
Making the tables anew from the log.

A read model is folded in memory and replaced under the lock of its checkpoint:
readers see the old rows or the new ones. The domain's own tables refer to each
other and are replayed together, while operations wait at the gate.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection, transaction

from outbox import gate, sequencer
from outbox.apply import delete, insert, written
from outbox.folds import Fold, domain_folds
from projections import registry
from projections.models import Checkpoint
from projections.replay import Progress, Replay, last_position, untold


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What a rebuild did."""

    name: str
    events: int
    rows: int
    seconds: float


def rebuild(folds: Sequence[Fold], progress: Progress = untold) -> Rebuilt:
    """Rebuild a group of tables: one read model, or the domain's."""
    if folds[0].name in registry.read_models():
        return rebuild_read_model(folds[0], progress)
    return replay_domain(progress)


@transaction.atomic
def rebuild_read_model(fold: Fold, progress: Progress = untold) -> Rebuilt:
    """
    Replace a read model's rows and checkpoint; a stopped one goes on again.

    Raises CannotFold, and leaves everything as it was.
    """
    started = time.monotonic()
    checkpoint = Checkpoint.objects.lock(fold.name)
    replay = Replay([fold], progress).upto(last_position())
    checkpoint.resume(replay.position)
    return _rebuilt(fold.name, replay, started)


def replay_domain(progress: Progress = untold) -> Rebuilt:
    """
    Delete every row of the domain's tables and fold the whole log again.

    Raises CannotFold, and leaves everything as it was.
    """
    sequencer.sequence_all()  # so that little is left to do alone
    with transaction.atomic():
        gate.enter_alone()
        started = time.monotonic()
        _hold_positions()
        replay = Replay(domain_folds(), progress).everything()
        return _rebuilt(registry.DOMAIN, replay, started)


def _hold_positions() -> None:
    # An event that got its position between the two halves of the reading, with
    # and without one, would be in neither.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [sequencer.SEQUENCER])


def _rebuilt(name: str, replay: Replay, started: float) -> Rebuilt:
    rows = _replace(replay)
    seconds = time.monotonic() - started
    return Rebuilt(name=name, events=replay.events, rows=rows, seconds=seconds)


def _replace(replay: Replay) -> int:
    """Write the rows in the place of those there are; return how many."""
    for fold in reversed(replay.folds):
        delete(written(fold))
    count = 0
    for fold in replay.folds:
        rows = replay.rows(fold)
        insert(fold, rows)
        count += len(rows)
    return count
