"""
Webhook endpoints and their deliveries over HTTP.

For staff only: the public facts name members by their ids, so whoever may make
an endpoint hears of everybody's loans. Each sees his own endpoints and no others.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Prefetch
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response

from outbox import catalogue, codec
from outbox.api import given
from outbox.api.views import ApiView, ListView
from outbox.api.writes import Made, write
from outbox.channels.webhooks import endpoints, rotation
from outbox.models import Attempt, Delivery, Event, WebhookEndpoint
from outbox.shapes import (
    DeliveryShown,
    EndpointChange,
    EndpointShown,
    EventTypeShown,
    NewEndpoint,
    NewEndpointShown,
    Rotation,
)


class Endpoints(ListView):
    """One's own endpoints."""

    permission_classes = [IsAdminUser]

    @extend_schema(
        operation_id="list_webhook_endpoints",
        responses=EndpointShown(many=True),
        tags=["webhooks"],
    )
    def get(self, request: Request) -> Response:
        """List your endpoints."""
        given.query(request)
        return self.page(_with_signatures(_mine(request)).order_by("id"), EndpointShown)

    @extend_schema(
        operation_id="create_webhook_endpoint",
        request=NewEndpoint,
        responses={201: NewEndpointShown},
        tags=["webhooks"],
    )
    def post(self, request: Request) -> Response:
        """Add an endpoint. Its secret is in this answer and in no other."""
        said = given.body(request, NewEndpoint)

        def act() -> Made:
            endpoint, secret = endpoints.create(owner=request.user, **said)
            return Made(endpoint.id, secret=secret)

        written = write(request, act, status=201)
        shown = _shown(request, written.id)
        return written.response({**shown, **written.once("secret")})


class OneEndpoint(ApiView):
    """One of one's own endpoints."""

    permission_classes = [IsAdminUser]

    @extend_schema(
        operation_id="get_webhook_endpoint",
        responses=EndpointShown,
        tags=["webhooks"],
    )
    def get(self, request: Request, endpoint_id: UUID) -> Response:
        """Show an endpoint."""
        return Response(_shown(request, endpoint_id))

    @extend_schema(
        operation_id="change_webhook_endpoint",
        request=EndpointChange,
        responses=EndpointShown,
        tags=["webhooks"],
    )
    def patch(self, request: Request, endpoint_id: UUID) -> Response:
        """Change an endpoint's URL or event types, or switch it off and on."""
        said = given.body(request, EndpointChange, partial=True)

        def act() -> Made:
            endpoints.change(_find(request, endpoint_id, lock=True), **said)
            return Made(endpoint_id)

        written = write(request, act)
        return written.response(_shown(request, endpoint_id))

    @extend_schema(
        operation_id="remove_webhook_endpoint",
        responses={204: None},
        tags=["webhooks"],
    )
    def delete(self, request: Request, endpoint_id: UUID) -> Response:
        """Remove an endpoint; it is told nothing more."""

        def act() -> Made:
            endpoints.remove(_find(request, endpoint_id, lock=True))
            return Made(endpoint_id)

        return write(request, act, status=204).response()


class RotateSecret(ApiView):
    """Another secret for one of one's own endpoints."""

    permission_classes = [IsAdminUser]

    @extend_schema(
        operation_id="rotate_webhook_secret",
        request=Rotation,
        responses=NewEndpointShown,
        tags=["webhooks"],
    )
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        """Replace the secret; old and new sign together for a while."""
        said = given.body(request, Rotation)
        overlap = timedelta(hours=said["overlap_hours"])

        def act() -> Made:
            secret = rotation.rotate(
                _find(request, endpoint_id, lock=True),
                overlap=overlap,
                version=said.get("scheme"),
            )
            return Made(endpoint_id, secret=secret)

        written = write(request, act)
        shown = _shown(request, endpoint_id)
        return written.response({**shown, **written.once("secret")})


class Deliveries(ListView):
    """What an endpoint was told, is owed, or could not be told."""

    permission_classes = [IsAdminUser]

    @extend_schema(
        operation_id="list_webhook_deliveries",
        responses=DeliveryShown(many=True),
        tags=["webhooks"],
    )
    def get(self, request: Request, endpoint_id: UUID) -> Response:
        """List an endpoint's deliveries with every attempt, the latest first."""
        given.query(request)
        endpoint = _find(request, endpoint_id)
        rows = Delivery.objects.filter(
            channel=endpoints.CHANNEL, destination=str(endpoint.id)
        )
        tries = Prefetch("tries", Attempt.objects.order_by("id"))
        latest = rows.order_by("-id").prefetch_related(tries)
        return self.page(latest, DeliveryShown, _with_types)


class EventTypes(ApiView):
    """What there is to hear of."""

    @extend_schema(
        operation_id="list_event_types",
        responses=EventTypeShown(many=True),
        tags=["webhooks"],
    )
    def get(self, request: Request) -> Response:
        """List the types of events, each with its JSON Schema and an example."""
        types = codec.event_types().values()
        return Response([catalogue.described(each) for each in types])


def _mine(request: Request) -> Any:
    return WebhookEndpoint.objects.filter(owner=request.user.pk)


def _with_signatures(rows: Any) -> Any:
    signing = Prefetch("secrets", rotation.newest_first(), to_attr="signing")
    return rows.prefetch_related(signing)


def _shown(request: Request, endpoint_id: UUID | str) -> Any:
    endpoint = _with_signatures(_mine(request)).filter(id=endpoint_id).first()
    if endpoint is None:
        raise Http404
    return EndpointShown(endpoint).data


def _find(request: Request, endpoint_id: UUID, *, lock: bool = False) -> Any:
    rows = _mine(request).filter(id=endpoint_id)
    endpoint = (rows.select_for_update() if lock else rows).first()
    if endpoint is None:
        raise Http404
    return endpoint


def _with_types(deliveries: Iterable[Delivery]) -> list[Delivery]:
    found = list(deliveries)
    rows = Event.objects.filter(id__in=[each.event_id for each in found])
    types = dict(rows.values_list("id", "type"))
    for each in found:
        each.event_type = types[each.event_id]  # type: ignore[attr-defined]
    return found
