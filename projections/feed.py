"""
The read models' feed: read on from the checkpoint, in order.

Rows and checkpoint commit together, so every event is folded exactly once. The
checkpoint is locked and waited for, never skipped: two that read on at the same
time take turns. Reading goes by position, which follows commits; an event that
commits late gets a later position and is never passed over.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.db import DataError, Error, IntegrityError, transaction

from outbox import log
from outbox.apply import apply
from outbox.errors import UnknownEventType
from outbox.folds import Fold
from outbox.log import Placed
from outbox.models import Position
from projections import quarantine, registry
from projections.errors import describe
from projections.models import Checkpoint
from projections.reading import last_position

logger = logging.getLogger(__name__)

BATCH = 500


class Reader:
    """
    What is read on, up to where the log ended when this began.

    The read models are mostly at the same place: what one was given waits for the next.
    """

    def __init__(self) -> None:
        self.last = last_position()
        self._asked = (0, 0)
        self._batch: Sequence[Placed] = ()

    def batch(self, after: int, upto: int) -> Sequence[Placed]:
        """Return the events behind a position and up to another, in order."""
        if self._asked != (after, upto):
            self._batch = log.read(after=after, upto=upto)
            self._asked = after, upto
        return self._batch


def catch_up_all() -> int:
    """
    Bring every read model up to the end of the log; return how many events.

    Counted once for each read model. One that cannot go on does not hold up the
    others; a pause (no database, a lock waited for too long) is raised when they
    have had their turn.
    """
    total, pauses, reader = 0, list[Exception](), Reader()
    behind = _behind(reader.last)
    while behind:
        further = []
        for fold in behind:
            try:
                folded = catch_up(fold, reader=reader)
            except (Error, UnknownEventType) as pause:
                pauses.append(pause)
                continue
            total += folded
            if folded == BATCH:
                further.append(fold)
        behind = further
    if pauses:
        raise ExceptionGroup("projections could not read on", pauses)
    return total


def catch_up(fold: Fold, *, reader: Reader | None = None) -> int:
    """
    Fold the next events into a read model, a batch at most; return how many.

    An event that the fold cannot take stops this read model, with the event and
    the error on record in its checkpoint; those before it are folded. With QUARANTINE
    it is set aside, and what follows it in its stream, and all others are folded.
    Raises what the database raises when it is the database's fault.
    """
    reader = reader or Reader()
    with transaction.atomic():
        checkpoint = Checkpoint.objects.lock(fold.name)
        start = checkpoint.position
        if checkpoint.stopped_at is None:
            _read_on(fold, checkpoint, reader)
        return checkpoint.position - start


def _behind(last: int) -> list[Fold]:
    """Return the read models that have not read as far."""
    at = dict(Checkpoint.objects.values_list("name", "position"))
    folds = registry.read_models().values()
    return [fold for fold in folds if at.get(fold.name, 0) < last]


def _read_on(fold: Fold, checkpoint: Checkpoint, reader: Reader) -> None:
    upto = min(checkpoint.position + BATCH, reader.last)
    if _fold_next(fold, checkpoint, reader, upto) is None:
        return
    # Somewhere in this batch. One by one: up to it all is well, and it gets named.
    for each in range(checkpoint.position + 1, upto + 1):
        poison = _fold_next(fold, checkpoint, reader, each)
        if poison and not _passed(checkpoint, poison):
            return


def _fold_next(
    fold: Fold, checkpoint: Checkpoint, reader: Reader, upto: int
) -> Exception | None:
    """Fold the next events, all or none; return what went wrong with one."""
    if upto <= checkpoint.position:
        return None
    try:
        with transaction.atomic():
            batch = reader.batch(checkpoint.position, upto)
            wanted = [each for each in batch if type(each.event) in fold.steps]
            ready = quarantine.without_held(fold, wanted) if wanted else []
            apply([fold], [each.event for each in ready])
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
