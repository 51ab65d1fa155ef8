"""
Making tables anew from the log while the house is open.

A table is folded in memory, in parts by key; copied into a shadow; brought up to date
while everybody goes on; and put in its place in a moment. Whoever is killed at it
leaves everything as it was, or corrected in part, never wrong. Nothing is sent.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from zlib import crc32

from django.db import connection

from outbox import sequencer
from outbox.folds import Fold
from projections import registry, takeover
from projections.errors import AlreadyRebuilding
from projections.parts import Part
from projections.reading import last_position
from projections.replay import Progress, Replay, no_collecting_of_garbage, untold
from projections.shadow import Shadow
from projections.takeover import end_for
from projections.workers import HERE, Workers

REBUILDING = 0x72656264  # "rebd": one holder for each table


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """
    What a rebuild did.

    `events` counts those of the log that concern the table, `position` where the
    reading ended. `corrected` counts the rows that were changed where they stand;
    None: the whole table was exchanged.
    """

    name: str
    position: int
    events: int
    rows: int
    seconds: float
    corrected: int | None


def rebuild(
    *folds: Fold,
    workers: Workers = HERE,
    in_place: bool = False,
    progress: Progress = untold,
) -> Rebuilt:
    """
    Make a read model anew, or some of the domain's tables.

    Tables of one call are taken over together, since they refer to each other.
    `in_place` corrects also a read model's rows where they stand.

    Raises AlreadyRebuilding, CannotFold and CouldNotTakeOver; what is there stays.
    """
    began = time.monotonic()
    with ExitStack() as held:
        for fold in folds:
            held.enter_context(_alone(fold))
        sequencer.sequence_all()  # so that little is left for the end
        shadows = [held.enter_context(_shadow(fold)) for fold in folds]
        exchanged = not in_place and takeover.can_exchange(shadows)
        ends = [last_position if exchanged else end_for(fold) for fold in folds]
        counts = [
            _fill(shadow, end, workers, progress)
            for shadow, end in zip(shadows, ends, strict=True)
        ]
        corrected = takeover.take_over(shadows, exchanged=exchanged)
    return Rebuilt(
        name=folds[0].name if len(folds) == 1 else registry.DOMAIN,
        position=max(shadow.position for shadow in shadows),
        events=sum(events for events, _ in counts),
        rows=sum(rows for _, rows in counts),
        seconds=time.monotonic() - began,
        corrected=corrected,
    )


@no_collecting_of_garbage()
def fill_part(part: Part, name: str, upto: int, progress: Progress) -> tuple[int, int]:
    """Fold one part of a table and copy it into the shadow: how many events, rows."""
    fold = registry.every_fold()[name]
    replay = Replay(fold, part, progress).upto(upto)
    return replay.events, Shadow(fold).fill(replay.rows())


def _fill(
    shadow: Shadow, end: Callable[[], int], workers: Workers, progress: Progress
) -> tuple[int, int]:
    shadow.position = end()
    name = shadow.fold.name
    counts = workers.in_parts(fill_part, name, shadow.position, progress=progress)
    shadow.finish()
    shadow.chase(end)
    return sum(events for events, _ in counts), sum(rows for _, rows in counts)


@contextmanager
def _shadow(fold: Fold) -> Iterator[Shadow]:
    shadow = Shadow(fold)
    shadow.make()
    try:
        yield shadow
    finally:
        shadow.drop()


@contextmanager
def _alone(fold: Fold) -> Iterator[None]:
    """Be the only one who rebuilds a table; PostgreSQL frees it if we are killed."""
    lock = {"lock": REBUILDING, "table": crc32(fold.name.encode()) >> 1}
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, lock | {"who": f"{_WHO} {socket.gethostname()}"})
        if not cursor.fetchone()[0]:
            cursor.execute(_HOLDER, lock)
            raise AlreadyRebuilding(fold.name, *(cursor.fetchone() or ["somebody"]))
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(_GIVE_BACK, lock)


_WHO = f"process {os.getpid()} on"

_TAKE = """
SELECT pg_try_advisory_lock(%(lock)s, %(table)s),
    set_config('application_name', %(who)s, false)
"""

_GIVE_BACK = """
SELECT pg_advisory_unlock(%(lock)s, %(table)s),
    set_config('application_name', '', false)
"""

_HOLDER = """
SELECT application_name || ' since ' || to_char(backend_start, 'YYYY-MM-DD HH24:MI TZ')
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted
  AND classid = %(lock)s AND objid = %(table)s
"""
