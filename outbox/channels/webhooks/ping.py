"""A message that says nothing: whether an endpoint can be reached, and its answer."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
from django.conf import settings

from outbox.channels.webhooks import envelope, rotation, signing, transport
from outbox.channels.webhooks.answers import Answer
from outbox.channels.webhooks.channel import DEADLINE, policy
from outbox.ids import new_id
from outbox.models import WebhookEndpoint

TYPE = "ping"


def ping(endpoint: WebhookEndpoint) -> Answer:
    """
    POST a test message, signed as all are, and return what became of it.

    Takes DEADLINE seconds at the most; to be called outside a transaction. Nothing of
    it is kept: it is no event, owed to nobody, and says nothing of the endpoint's
    health. Raises outbox.errors.CannotUnseal.
    """
    message_id = new_id()
    message = {
        "specversion": "1.0",
        "id": str(message_id),
        "type": TYPE,
        "source": settings.OUTBOX["ORIGIN"],
        "subject": f"endpoint:{endpoint.id}",
        "time": datetime.now(UTC).isoformat(),
        "datacontenttype": "application/json",
        "data": {},
    }
    body = orjson.dumps(message)
    headers = envelope.headers(
        rotation.secrets_of(endpoint),
        message_id=signing.message_id(message_id),
        event_type=TYPE,
        body=body,
        compatible=endpoint.compatible,
    )
    return transport.post(
        endpoint.url, body, headers, deadline=DEADLINE, policy=policy()
    )
