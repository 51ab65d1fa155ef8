"""What we write to the owner of an endpoint."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from outbox.channels.letters import Letter
from outbox.channels.webhooks.events import (
    EndpointFailed,
    EndpointRecovered,
    EndpointSwitchedOff,
)
from outbox.models import WebhookEndpoint

Incident = EndpointFailed | EndpointRecovered | EndpointSwitchedOff


def _owner(event: Incident) -> tuple[UUID]:
    return (event.owner_id,)


def _about(event: Incident) -> dict[str, Any]:
    urls = WebhookEndpoint.objects.filter(id=event.endpoint_id).values_list("url")
    (url,) = urls.first() or ("",)  # it may have been removed meanwhile
    return {"event": event, "url": url}


SAMPLE = {
    "url": "https://partner.example/hooks",
    "event": {"failing_since": datetime(2026, 3, 2, 10, tzinfo=UTC), "reason": ""},
}

# Mandatory, all three: they come once an incident, and whoever has muted them hears
# nothing of an outage that nobody else can end.
endpoint_failed = Letter(
    name="endpoint_failed",
    event=EndpointFailed,
    template="letters/endpoint_failed",
    recipients=_owner,
    context=_about,
    mandatory=True,
    sample=SAMPLE,
)

endpoint_recovered = Letter(
    name="endpoint_recovered",
    event=EndpointRecovered,
    template="letters/endpoint_recovered",
    recipients=_owner,
    context=_about,
    mandatory=True,
    sample=SAMPLE,
)

endpoint_switched_off = Letter(
    name="endpoint_switched_off",
    event=EndpointSwitchedOff,
    template="letters/endpoint_switched_off",
    recipients=_owner,
    context=_about,
    mandatory=True,
    sample=SAMPLE,
)
