"""The door for messages from outside: who is known by a signature, not by a login."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from outbox import inbound, inbox
from outbox.context import acting


class TakenIn(serializers.Serializer[object]):
    """Whether it was the first time; a double has no effect."""

    first = serializers.BooleanField()


class Inbound(APIView):
    """Messages of one source."""

    authentication_classes = ()
    permission_classes = (AllowAny,)  # the signature says who it is
    takes_keys = False  # what a message is known by is its own id

    def perform_content_negotiation(
        self, request: Request, force: bool = False
    ) -> tuple[Any, Any]:
        """Answer in JSON, whatever a sender of webhooks says it accepts."""
        return super().perform_content_negotiation(request, force=True)

    @extend_schema(
        operation_id="take_in_message",
        request={"application/json": OpenApiTypes.OBJECT},
        responses=TakenIn,
        auth=[],
        tags=["webhooks"],
    )
    def post(self, request: Request, source: str) -> Response:
        """Take in a message, signed as its source does; a double changes nothing."""
        known = inbound.find(source)
        if known is None:
            raise Http404
        with acting(actor=f"source:{known.name}"):
            first = inbox.receive(
                request._request,
                known.name,
                known.handler,
                known.secrets,
                scheme=known.scheme,
            )
        return Response({"first": first})
