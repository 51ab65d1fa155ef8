"""
Looking deliveries up: which match, how they are listed, and one with all its attempts.

Questions only, for people who run the relay.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import OuterRef, Q, Subquery

from outbox.models import Attempt, Delivery, Event


def matching(*, channel: str, destination: str, event_type: str) -> Q:
    """Return the condition on deliveries; what is empty matches everything."""
    named = {"channel": channel, "destination": destination}
    which = Q(**{field: value for field, value in named.items() if value})
    if event_type:
        which &= Q(event_id__in=Event.objects.filter(type=event_type).values("id"))
    return which


def latest_deliveries(
    which: Q, *, status: str, since: datetime | None, limit: int
) -> list[dict[str, Any]]:
    """Return deliveries as they would be listed, the latest first, in one query."""
    found = Delivery.objects.filter(which)
    if status:
        found = found.filter(status=status)
    if since:
        found = found.filter(created_at__gte=since)
    event = Event.objects.filter(id=OuterRef("event_id"))
    typed = found.annotate(type=Subquery(event.values("type")[:1]))
    return list(typed.order_by("-id").values(*LISTED)[:limit])


def one_delivery(delivery_id: int) -> dict[str, Any] | None:
    """
    Return a delivery with its event and every attempt; None: there is none.

    An event's data is not part of it: it need not concern an operator.
    """
    delivery = Delivery.objects.filter(id=delivery_id).values(*SHOWN).first()
    if delivery is None:
        return None
    event = Event.objects.filter(id=delivery["event_id"])
    tries = Attempt.objects.filter(delivery_id=delivery_id).order_by("id")
    return {
        **delivery,
        "event": event.values(*OF_EVENT).first(),
        "tries": list(tries.values(*OF_ATTEMPT)),
    }


LISTED = (
    "id",
    "status",
    "channel",
    "destination",
    "type",
    "event_id",
    "position",
    "recipient",
    "attempts",
    "created_at",
    "due_at",
    "finished_at",
    "error",
)
SHOWN = (
    *(name for name in LISTED if name != "type"),
    "claim",
    "lane",
    "worker",
    "message_id",
    "children",
    "sending_at",
)
OF_EVENT = ("type", "stream", "version", "occurred_at", "recorded_at")
OF_ATTEMPT = (
    "claim",
    "at",
    "seconds",
    "outcome",
    "ambiguous",
    "http_status",
    "answer",
    "worker",
)
