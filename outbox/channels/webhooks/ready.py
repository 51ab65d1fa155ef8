"""
What an attempt needs to know of its endpoint and its message, read together.

It may be read for a batch at a time. Who switches an endpoint off, or replaces its
secret, is heard a moment later: what was read is believed while it is fresh, and no
longer than the endpoint takes what it is sent.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import connection

from outbox.channels.contract import FRESH
from outbox.models import Delivery


@dataclass(slots=True)
class Ready:
    """
    An endpoint as it was at a moment, and messages for it.

    `owner_allowed` as `endpoints.may_own` tells; `sealed` are the secrets that sign,
    the newest first; of each message its body and its event type, by the event.
    """

    id: UUID
    url: str
    active: bool
    compatible: bool
    owner_allowed: bool
    sealed: list[bytes]
    messages: Mapping[UUID, tuple[str, str]]


class Batch:
    """An endpoint with the messages of a batch; read again once that is not fresh."""

    def __init__(self, batch: Sequence[Delivery]) -> None:
        self._endpoint_id = batch[0].destination
        self._events = [each.event_id for each in batch]
        self._read()

    def ready(self) -> Ready | None:
        """Return them as they may be believed to be now."""
        if time.monotonic() - self._read_at >= FRESH:
            self._read()
        return self._found

    def doubt(self) -> None:
        """Believe it no more: the endpoint has not taken a message."""
        self._read_at = -math.inf

    def _read(self) -> None:
        self._read_at = time.monotonic()
        self._found = of(self._endpoint_id, self._events)


def of(endpoint_id: str, events: Iterable[UUID]) -> Ready | None:
    """Return an endpoint with the messages of these events; None if there is none."""
    try:
        UUID(endpoint_id)
    except ValueError:  # it never was one
        return None
    statement = _READY.format(users=get_user_model()._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(statement, [list(events), endpoint_id])
        rows = cursor.fetchall()
    if not rows:
        return None
    first, *_ = rows
    return Ready(
        id=first[0],
        url=first[1],
        active=first[2],
        compatible=first[3],
        owner_allowed=first[4],
        sealed=first[5],
        messages={event: (body, name) for *_, event, body, name in rows},
    )


# By hand: Django would take longer to put it together.
_READY = """
SELECT e.id, e.url, e.active, e.compatible, o.is_active AND o.is_staff,
    ARRAY(
        SELECT s.sealed FROM outbox_webhooksecret s
        WHERE s.endpoint_id = e.id
          AND (s.until IS NULL OR s.until > clock_timestamp())
        ORDER BY s.until DESC NULLS FIRST, s.id DESC
    ),
    p.id, p.body #>> '{{}}', p.destination
FROM outbox_webhookendpoint e JOIN "{users}" o ON o.id = e.owner_id
LEFT JOIN published p ON p.id = ANY (%s)
WHERE e.id = %s
"""
