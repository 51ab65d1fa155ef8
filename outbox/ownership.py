"""Whose an endpoint is: for whoever asks, there are no others than his own."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404
from rest_framework.request import Request

from outbox.models import WebhookEndpoint


def mine(request: Request) -> Any:
    """Return the endpoints of whoever asks."""
    return WebhookEndpoint.objects.filter(owner=request.user.pk)


def find(request: Request, endpoint_id: UUID, *, lock: bool = False) -> Any:
    """Return one of these; raise Http404 for any other."""
    rows = mine(request).filter(id=endpoint_id)
    endpoint = (rows.select_for_update() if lock else rows).first()
    if endpoint is None:
        raise Http404
    return endpoint
