"""
Webhook endpoints over HTTP; their deliveries in `delivery_views.py`.

For staff only: the public facts name members by their ids, so whoever may make
an endpoint hears of everybody's loans. Each sees his own endpoints and no others.
"""

from __future__ import annotations

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
from outbox.channels.webhooks import endpoints, rotation, terms
from outbox.ownership import find, mine
from outbox.shapes import (
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
        rows = _with_signatures(mine(request)).order_by("id")
        return self.page(rows, EndpointShown, terms.joined)

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
        """Change what an endpoint is told and how fast; pause it, switch it off."""
        said = given.body(request, EndpointChange, partial=True)
        pace = {name: said.pop(name) for name in terms.TERMS if name in said}

        def act() -> Made:
            endpoint = find(request, endpoint_id, lock=True)
            endpoints.change(endpoint, **said)
            terms.change(endpoint, pace)
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
            endpoints.remove(find(request, endpoint_id, lock=True))
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
                find(request, endpoint_id, lock=True),
                overlap=overlap,
                version=said.get("scheme"),
            )
            return Made(endpoint_id, secret=secret)

        written = write(request, act)
        shown = _shown(request, endpoint_id)
        return written.response({**shown, **written.once("secret")})


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


def _with_signatures(rows: Any) -> Any:
    signing = Prefetch("secrets", rotation.newest_first(), to_attr="signing")
    return rows.prefetch_related(signing)


def _shown(request: Request, endpoint_id: UUID | str) -> Any:
    endpoint = _with_signatures(mine(request)).filter(id=endpoint_id).first()
    if endpoint is None:
        raise Http404
    return EndpointShown(*terms.joined([endpoint])).data
