"""
The channel to other people's URLs: signed, bounded, attempt by attempt.

The body is the public message as it was fixed when the event was recorded,
byte for byte; only the timestamp and the signature are made anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.conf import settings

from outbox import schedule, tracing
from outbox.channels.contract import Outcome, RouteTo
from outbox.channels.webhooks import (
    endpoints,
    envelope,
    incidents,
    rotation,
    signing,
    transport,
)
from outbox.channels.webhooks.addresses import ANYWHERE, PUBLIC, AddressPolicy
from outbox.channels.webhooks.ready import Batch, Ready
from outbox.errors import CannotUnseal
from outbox.models import Delivery, WebhookEndpoint

NAME = endpoints.CHANNEL
DEADLINE = schedule.deadline(10.0)
RETRIES = schedule.WEBHOOKS
IN_TRANSACTION = False
BATCH = 5
PER_DESTINATION = 10
WORKERS = 3
GUARDED = True


def routes() -> Iterable[RouteTo]:
    """Return one route for each event type each endpoint wants."""
    for endpoint in WebhookEndpoint.objects.filter(
        active=True, owner__is_active=True, owner__is_staff=True
    ):
        for event_type in endpoints.wanted_types(endpoint):
            yield RouteTo(str(endpoint.id), event_type, ordered=endpoint.ordered)


def look_ahead(batch: Sequence[Delivery]) -> None:
    """Read the endpoint of a batch, and all its messages."""
    ahead = Batch(batch)
    for each in batch:
        each.ahead = ahead  # type: ignore[attr-defined]


def deliver(delivery: Delivery, ends: float) -> Outcome:
    """POST the message once, signed."""
    ahead: Batch = getattr(delivery, "ahead", None) or Batch([delivery])
    outcome = _deliver(ahead.ready(), delivery, ends)
    if not outcome.delivered:
        ahead.doubt()
    return outcome


def _deliver(endpoint: Ready | None, delivery: Delivery, ends: float) -> Outcome:
    if endpoint is None:
        return Outcome(delivered=False, name="endpoint_removed", final=True)
    if not endpoint.active:
        return Outcome(delivered=False, name="endpoint_inactive", final=True)
    if not endpoint.owner_allowed:  # any more
        return Outcome(delivered=False, name="owner_not_allowed", final=True)

    if delivery.event_id not in endpoint.messages:
        return Outcome(delivered=False, name="message_missing", final=True)

    text, event_type = endpoint.messages[delivery.event_id]
    body = text.encode()
    try:
        headers = _headers(endpoint, delivery, event_type, body)
    except CannotUnseal as error:  # ours to put right, and not its loss
        return Outcome(
            delivered=False, name=error.code, charged=False, answer=str(error)
        )
    answer = transport.post(
        endpoint.url,
        body,
        headers,
        deadline=DEADLINE,
        ends=ends,
        session=transport.session_of(delivery.destination),
        policy=policy(),
    )
    if answer.outcome == "gone":
        # First this: if we die before the outcome is written, what is owed ends when
        # it is claimed again, since the endpoint is off.
        incidents.switch_off(endpoint.id, reason="gone")
    return Outcome(
        delivered=answer.delivered,
        name=answer.outcome,
        final=answer.outcome == "gone",
        ambiguous=answer.ambiguous,
        silent=answer.status is None,
        http_status=answer.status,
        answer=answer.text,
        retry_after=answer.retry_after,
    )


def policy() -> AddressPolicy:
    """Return where messages may go."""
    allow = settings.OUTBOX["PLAIN_HTTP"]
    return ANYWHERE if allow else PUBLIC


def _headers(
    endpoint: Ready, delivery: Delivery, event_type: str, body: bytes
) -> dict[str, str]:
    signed = envelope.headers(
        rotation.opened(endpoint.id, endpoint.sealed),
        message_id=signing.message_id(delivery.event_id),
        event_type=event_type,
        body=body,
        compatible=endpoint.compatible,
    )
    return {**signed, "X-Position": str(delivery.position), **_trace(delivery)}


def _trace(delivery: Delivery) -> dict[str, str]:
    """Return the header of the trace that the event belongs to, if it does."""
    # Not signed, and new for each attempt: it says nothing about the message.
    child = tracing.child_of(getattr(delivery, "traceparent", "") or "")
    return {tracing.HEADER: child} if child else {}
