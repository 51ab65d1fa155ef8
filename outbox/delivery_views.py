"""
What an endpoint was told and is owed, over HTTP; and telling it again.

For the owner of the endpoint alone, as in `views.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Prefetch
from django.db.models.functions import Left
from django.http import Http404
from django_outbox_pattern.models import Published
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle

from outbox import replays
from outbox.api import given
from outbox.api.cursors import Cursors
from outbox.api.views import ApiView, ListView
from outbox.api.writes import Made, write
from outbox.channels.webhooks import endpoints
from outbox.channels.webhooks.answers import BODY_LIMIT
from outbox.channels.webhooks.ping import ping
from outbox.channels.webhooks.refusals import DeliveryPending, EndpointOff
from outbox.delivery_shapes import (
    LISTED_ANSWER,
    DeliveryFilter,
    DeliveryShown,
    DeliveryWithBody,
    PingShown,
    ReplayOrder,
    ReplayShown,
)
from outbox.lookup import matching
from outbox.models import Attempt, Delivery, Event, Replay
from outbox.ownership import find


class Deliveries(ListView):
    """What an endpoint was told, is owed, or could not be told."""

    permission_classes = [IsAdminUser]
    pagination_class = Cursors

    @extend_schema(
        operation_id="list_webhook_deliveries",
        parameters=[DeliveryFilter],
        responses=DeliveryShown(many=True),
        tags=["webhooks"],
    )
    def get(self, request: Request, endpoint_id: UUID) -> Response:
        """List an endpoint's deliveries with every attempt, the latest first."""
        said = given.query(request, DeliveryFilter, Cursors)
        find(request, endpoint_id)
        rows = _told(endpoint_id, said.get("event_type", ""))
        if status := said.get("status"):
            rows = rows.filter(status=status)
        if since := said.get("since"):
            rows = rows.filter(created_at__gte=since)
        return self.page(_with_tries(rows, LISTED_ANSWER), DeliveryShown, _with_types)


class OneDelivery(ApiView):
    """One thing that an endpoint was told or is owed."""

    permission_classes = [IsAdminUser]

    @extend_schema(
        operation_id="get_webhook_delivery",
        responses=DeliveryWithBody,
        tags=["webhooks"],
    )
    def get(self, request: Request, endpoint_id: UUID, delivery_id: int) -> Response:
        """Show a delivery with its message and every attempt."""
        find(request, endpoint_id)
        return Response(_shown(endpoint_id, delivery_id))


class Resend(ApiView):
    """Another chance for one delivery."""

    permission_classes = [IsAdminUser]

    @extend_schema(
        operation_id="resend_webhook_delivery",
        request=given.Nothing,
        responses={202: DeliveryWithBody},
        tags=["webhooks"],
    )
    def post(self, request: Request, endpoint_id: UUID, delivery_id: int) -> Response:
        """Send a message again, under the same id, with all attempts before it."""
        given.body(request, given.Nothing)

        def act() -> Made:
            _find_active(request, endpoint_id)
            if not _told(endpoint_id).filter(id=delivery_id).exists():
                raise Http404
            (answer,) = replays.retry([delivery_id], again=True)
            if not answer.started:
                raise DeliveryPending
            return Made(delivery_id)

        written = write(request, act, status=202)
        find(request, endpoint_id)  # of a repeat nothing was asked above
        return written.response(_shown(endpoint_id, delivery_id))


class Replays(ListView):
    """Another chance for all that has failed."""

    permission_classes = [IsAdminUser]

    @extend_schema(
        operation_id="list_webhook_replays",
        responses=ReplayShown(many=True),
        tags=["webhooks"],
    )
    def get(self, request: Request, endpoint_id: UUID) -> Response:
        """List an endpoint's replays, the latest first, and how far each has come."""
        given.query(request)
        find(request, endpoint_id)
        rows = Replay.objects.filter(**_of(endpoint_id))
        return self.page(rows.order_by("-created_at", "id"), ReplayShown)

    @extend_schema(
        operation_id="replay_webhook_deliveries",
        request=ReplayOrder,
        responses={202: ReplayShown},
        tags=["webhooks"],
    )
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        """Deliver again what has died since a time; done in the background."""
        said = given.body(request, ReplayOrder)

        def act() -> Made:
            _find_active(request, endpoint_id)
            return Made(replays.order(**_of(endpoint_id), **said).id)

        written = write(request, act, status=202)
        find(request, endpoint_id)
        return written.response(ReplayShown(Replay.objects.get(id=written.id)).data)


class Ping(ApiView):
    """Whether an endpoint can be reached."""

    permission_classes = [IsAdminUser]
    throttle_classes = [ScopedRateThrottle]
    throttle_scope = "pings"
    takes_keys = False

    @extend_schema(
        operation_id="ping_webhook_endpoint",
        request=given.Nothing,
        responses=PingShown,
        tags=["webhooks"],
    )
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        """Send a test message, also to an endpoint that is off, and show the answer."""
        given.body(request, given.Nothing)
        return Response(PingShown(ping(find(request, endpoint_id))).data)


def _of(endpoint_id: UUID) -> dict[str, Any]:
    return {"channel": endpoints.CHANNEL, "destination": str(endpoint_id)}


def _told(endpoint_id: UUID, event_type: str = "") -> Any:
    which = matching(**_of(endpoint_id), event_type=event_type)
    return Delivery.objects.filter(which)


def _find_active(request: Request, endpoint_id: UUID) -> None:
    if not find(request, endpoint_id, lock=True).active:
        raise EndpointOff


def _shown(endpoint_id: UUID, delivery_id: int) -> Any:
    rows = _told(endpoint_id).filter(id=delivery_id)
    found = _with_types(_with_tries(rows, BODY_LIMIT))
    if not found:
        raise Http404
    bodies = Published.objects.filter(id=found[0].event_id).values_list("body")
    (found[0].body,) = bodies.first() or (None,)
    return DeliveryWithBody(found[0]).data


def _with_tries(rows: Any, longest: int) -> Any:
    """Join every attempt, each with so many characters of its answer as `said`."""
    # Cut in the database: a page of whole answers is tens of megabytes, and how long
    # they are is up to whoever answers.
    tries = Attempt.objects.defer("answer").annotate(said=Left("answer", longest))
    return rows.prefetch_related(Prefetch("tries", tries.order_by("id")))


def _with_types(deliveries: Iterable[Any]) -> list[Any]:
    found = list(deliveries)
    rows = Event.objects.filter(id__in=[each.event_id for each in found])
    types = dict(rows.values_list("id", "type"))
    for each in found:
        each.event_type = types[each.event_id]
    return found
