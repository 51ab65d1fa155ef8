"""
What follows when an endpoint fails for long: a warning, and then that it is off.

An incident runs from the first of the failures in a row to the next success. Its owner
is warned once, when failures have been seen over a day, and told once when it is over.
After five days, or when the endpoint says itself that it is gone, it is switched off.
Only what was tried counts: an endpoint that nothing is owed to fails no further.

Each of these is a fact in the log, and so the letter about it is owed from the commit
that brought it about, as any other (decision 9).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from outbox import gate, log
from outbox.channels.webhooks import endpoints
from outbox.channels.webhooks.events import (
    EndpointFailed,
    EndpointRecovered,
    EndpointSwitchedOff,
)
from outbox.models import Destination, WebhookEndpoint

WARN_AFTER = timedelta(days=1)
SWITCH_OFF_AFTER = timedelta(days=5)

# Later failures belong to an incident of their own, even if nobody looked in between.
OVER = Q(warned_at__isnull=False) & (
    Q(failing_since=None) | Q(failing_since__gt=F("warned_at"))
)
TO_SWITCH_OFF = Q(failed_at__gte=F("failing_since") + SWITCH_OFF_AFTER)
TO_WARN = Q(failed_at__gte=F("failing_since") + WARN_AFTER, warned_at=None)


def look_after() -> None:
    """
    Tell owners what they have to know by now, and switch off what has failed.

    A duty of the relays (OUTBOX['DUTIES']): two at a time do nothing twice.
    """
    guarded = Destination.objects.filter(channel=endpoints.CHANNEL)
    concerned = guarded.filter(OVER | TO_SWITCH_OFF | TO_WARN)
    for endpoint_id in concerned.values_list("destination", flat=True):
        _look_after(endpoint_id)


@transaction.atomic
def switch_off(endpoint_id: Any, *, reason: Literal["gone", "failing"]) -> None:
    """Switch an endpoint off, and let its owner know; one that is off stays so."""
    gate.enter()
    if endpoint := _active(endpoint_id):
        _switch_off(endpoint, reason)


@transaction.atomic
def _look_after(endpoint_id: str) -> None:
    """Do the first of what is due; each look does one."""
    gate.enter()
    endpoint = _active(endpoint_id)
    row = Destination.objects.filter(channel=endpoints.CHANNEL, destination=endpoint_id)
    list(row.select_for_update())  # an outcome may have changed it since we looked
    if endpoint is None:
        return
    if row.filter(OVER).exists():
        row.update(warned_at=None)
        log.record(
            [
                EndpointRecovered(
                    endpoint_id=endpoint.id,
                    owner_id=endpoint.owner_id,
                    recovered_at=timezone.now(),
                )
            ]
        )
    elif row.filter(TO_SWITCH_OFF).exists():
        _switch_off(endpoint, "failing")
    elif failure := _to_warn_of(row):
        row.update(warned_at=failure["failed_at"])
        log.record(
            [
                EndpointFailed(
                    endpoint_id=endpoint.id, owner_id=endpoint.owner_id, **failure
                )
            ]
        )


def _to_warn_of(row: QuerySet[Destination]) -> Any:
    """Return since when and when last it failed, if that is to be told."""
    return row.filter(TO_WARN).values("failing_since", "failed_at").first()


def _active(endpoint_id: Any) -> WebhookEndpoint | None:
    """Return an endpoint, locked; its events count on under this lock."""
    rows = WebhookEndpoint.objects.select_for_update()
    return rows.filter(id=endpoint_id, active=True).first()


def _switch_off(endpoint: WebhookEndpoint, reason: str) -> None:
    endpoints.change(endpoint, active=False)
    log.record(
        [
            EndpointSwitchedOff(
                endpoint_id=endpoint.id,
                owner_id=endpoint.owner_id,
                reason=reason,
                switched_off_at=timezone.now(),
            )
        ]
    )
