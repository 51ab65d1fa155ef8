"""
The read models' feed: read on from the checkpoint, in order.

Rows and checkpoint commit together, so every event is folded exactly once. The
checkpoint is locked and waited for, never skipped: two that read on at the same
time take turns. Reading goes by position, which follows commits; an event that
commits late gets a later position and is never passed over.
"""

from __future__ import annotations

import logging

from django.db import DataError, Error, IntegrityError, transaction

from outbox import log
from outbox.apply import apply
from outbox.errors import UnknownEventType
from outbox.folds import Fold
from outbox.models import Position
from projections import quarantine, registry
from projections.errors import describe
from projections.models import Checkpoint
from projections.reading import last_position

logger = logging.getLogger(__name__)

BATCH = 500


def catch_up_all() -> int:
    """
    Bring every read model up to the end of the log; return how many events.

    Counted once for each read model. One that cannot go on does not hold up the
    others; a pause (no database, a lock waited for too long) is raised when they
    have had their turn.
    """
    total, pauses = 0, list[Exception]()
    for fold in _behind():
        try:
            total += _to_the_end(fold)
        except (Error, UnknownEventType) as pause:
            pauses.append(pause)
    if pauses:
        raise ExceptionGroup("projections could not read on", pauses)
    return total


def _behind() -> list[Fold]:
    """Return the read models that have not read all there is."""
    last = last_position()
    at = dict(Checkpoint.objects.values_list("name", "position"))
    folds = registry.read_models().values()
    return [fold for fold in folds if at.get(fold.name, 0) < last]


def catch_up(fold: Fold, *, limit: int = BATCH) -> int:
    """
    Fold the next events into a read model; return how many.

    An event that the fold cannot take stops this read model, with the event and
    the error on record in its checkpoint; those before it are folded. With QUARANTINE
    it is set aside, and what follows it in its stream, and all others are folded.
    Raises what the database raises when it is the database's fault.
    """
    with transaction.atomic():
        checkpoint = Checkpoint.objects.lock(fold.name)
        start = checkpoint.position
        if checkpoint.stopped_at is None:
            _read_on(fold, checkpoint, limit)
        return checkpoint.position - start


def _to_the_end(fold: Fold) -> int:
    total = folded = catch_up(fold)
    while folded == BATCH:
        folded = catch_up(fold)
        total += folded
    return total


def _read_on(fold: Fold, checkpoint: Checkpoint, limit: int) -> None:
    if _fold_next(fold, checkpoint, limit) is None:
        return
    # Somewhere in this batch. One by one: up to it all is well, and it gets named.
    for _ in range(limit):
        poison = _fold_next(fold, checkpoint, 1)
        if poison and not _passed(checkpoint, poison):
            return


def _fold_next(fold: Fold, checkpoint: Checkpoint, limit: int) -> Exception | None:
    """Fold up to `limit` events, all or none; return what went wrong with one."""
    try:
        with transaction.atomic():
            after = checkpoint.position
            upto = min(after + limit, last_position())
            if upto == after:
                return None
            batch = log.read(after=after, upto=upto, ignoring=fold.ignored)
            ready = quarantine.without_held(fold, batch) if batch else []
            apply([fold], [placed.event for placed in ready])
            checkpoint.move_to(upto)
    except Exception as error:
        if is_pause(error):
            raise
        return error
    return None


def is_pause(error: Exception) -> bool:
    """Tell what passes from values that no row can hold."""
    # A type that only newer code knows waits for that code; so does a database.
    return isinstance(error, UnknownEventType) or (
        isinstance(error, Error) and not isinstance(error, DataError | IntegrityError)
    )


def _passed(checkpoint: Checkpoint, poison: Exception) -> bool:
    """Set the next event aside, or stop at it; tell whether reading goes on."""
    # Asked for by position: what cannot be decoded has no event to ask.
    place = Position.objects.get(position=checkpoint.position + 1)
    if quarantine.set_aside(checkpoint, place, describe(poison)):
        return True
    logger.error(
        "projection %s stopped: it cannot take event %s at position %s",
        checkpoint.name,
        place.event_id,
        place.position,
        exc_info=poison,
    )
    checkpoint.stop(place.event_id, describe(poison))
    return False
