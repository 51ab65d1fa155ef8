"""
Setting aside what a read model cannot take, so that everything else goes on.

An event that cannot be folded is set aside, and behind it, in order, every later one of
its stream that the read model wants: folded without it, they would make wrong rows.
Rebuilt with a corrected fold, the read model is whole again and nothing is set aside.
Too many such events are no accident of one stream: then the read model stops.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.conf import settings

from outbox.folds import Fold
from outbox.log import Placed
from outbox.models import Event, Position
from projections.models import Checkpoint, Quarantined

logger = logging.getLogger(__name__)

MOST = 100  # culprits; with more, it is the fold that is wrong


def without_held(fold: Fold, wanted: Sequence[Placed]) -> list[Placed]:
    """Set aside what has to wait behind a culprit of its stream; return the rest."""
    aside = Quarantined.objects.filter(projection=fold.name)
    held = set(aside.values_list("stream", flat=True).distinct())
    if not held:
        return list(wanted)
    waits = [each for each in wanted if each.stream in held]
    Quarantined.objects.bulk_create(
        Quarantined(
            projection=fold.name,
            position=each.position,
            event_id=each.id,
            stream=each.stream,
        )
        for each in waits
    )
    return [each for each in wanted if each not in waits]


def set_aside(checkpoint: Checkpoint, place: Position, error: str) -> bool:
    """
    Set the event at a position aside and pass it; tell whether that was done.

    Not where it is switched off, or where there are too many of them.
    """
    culprits = Quarantined.objects.filter(projection=checkpoint.name).exclude(error="")
    if not settings.QUARANTINE or culprits.count() >= MOST:
        return False
    stream = Event.objects.values_list("stream", flat=True).get(seq=place.seq)
    logger.error(
        "projection %s cannot take event %s at position %s: %s is set aside until it "
        "is rebuilt: %s",
        checkpoint.name,
        place.event_id,
        place.position,
        stream,
        error,
    )
    Quarantined.objects.create(
        projection=checkpoint.name,
        position=place.position,
        event_id=place.event_id,
        stream=stream,
        error=error,
    )
    checkpoint.move_to(place.position)
    return True
