"""What an owner sets about the pace of an endpoint: whether, how fast, how many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from outbox.channels.webhooks.endpoints import CHANNEL
from outbox.models import Destination, WebhookEndpoint

TERMS = ("paused", "per_second", "at_once")

MOST_PER_SECOND = 1000.0
LEAST_PER_SECOND = 0.001


def change(endpoint: WebhookEndpoint, terms: Mapping[str, Any]) -> None:
    """Set those of the TERMS that are given; None lifts a limit."""
    if terms:
        # What an earlier rate has put off is due by the new one.
        _rows([endpoint]).update(**terms, not_before=None)


def joined(found: Sequence[WebhookEndpoint]) -> Sequence[WebhookEndpoint]:
    """Give each endpoint its `terms`, in one query for all."""
    rows = {row.destination: row for row in _rows(found)}
    for each in found:
        each.terms = rows.get(str(each.id), Destination())  # type: ignore[attr-defined]
    return found


def _rows(found: Sequence[WebhookEndpoint]) -> Any:
    names = [str(each.id) for each in found]
    return Destination.objects.filter(channel=CHANNEL, destination__in=names)
