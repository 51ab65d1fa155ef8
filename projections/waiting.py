"""
Reading one's own writes: waiting until the read models have come as far.

Every write answers with the id of its event, the Consistency-Token. A read that carries
it waits, with no transaction open, until the read models that it uses have folded that
event, and is refused when that takes too long.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, ClassVar
from uuid import UUID

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from outbox.api.views import ApiView
from outbox.api.writes import TOKEN_HEADER
from outbox.models import Event, Position
from projections.errors import NotYetVisible
from projections.models import Checkpoint, Quarantined

PATIENCE = 2.0  # seconds
SHORTEST_PAUSE, LONGEST_PAUSE = 0.005, 0.05  # between two looks


class Question(ApiView):
    """
    Base of the views that answer from read models, named in `reads`.

    A request with a Consistency-Token waits for them; NotYetVisible after PATIENCE.
    """

    reads: ClassVar[tuple[str, ...]] = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let in who may, and wait for what was written before."""
        super().initial(request, *args, **kwargs)
        token = request.headers.get(TOKEN_HEADER)
        if token is not None:
            wait_for(_event_id(token), self.reads)


def wait_for(event_id: UUID, names: Sequence[str]) -> None:
    """Return once these read models have folded an event; else raise NotYetVisible."""
    give_up_at = time.monotonic() + PATIENCE
    pause = SHORTEST_PAUSE
    while not _is_folded(event_id, names):
        if time.monotonic() + pause > give_up_at:
            raise NotYetVisible(event_id)
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def _is_folded(event_id: UUID, names: Sequence[str]) -> bool:
    place = Position.objects.filter(event_id=event_id).first()
    if place is None:
        return False
    read = Checkpoint.objects.filter(name__in=names, position__gte=place.position)
    aside = Quarantined.objects.filter(projection__in=names, event_id=event_id)
    return read.count() == len(names) and not aside.exists()


def _event_id(token: str) -> UUID:
    with suppress(ValueError):
        event_id = UUID(token)
        if Event.objects.filter(id=event_id).exists():
            return event_id
    raise ValidationError(
        {
            TOKEN_HEADER: "No event has this id. Send what a write has answered "
            f"with as its {TOKEN_HEADER}, or leave it out."
        },
        code="invalid_consistency_token",
    )
