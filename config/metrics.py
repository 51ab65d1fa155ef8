"""The web's own answer to a scrape: for staff, or for who has METRICS_TOKEN."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django.utils.crypto import constant_time_compare
from drf_spectacular.utils import extend_schema
from prometheus_client.exposition import choose_encoder
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.views import APIView

from library.members.authentication import Tokens
from outbox import gauges


class Scraper(AnonymousUser):
    """A program that may look at numbers; it has no row in the database."""

    is_staff = True  # type: ignore[assignment]


class MetricsToken(BaseAuthentication):
    """METRICS_TOKEN as a bearer token, known without asking the database."""

    def authenticate(self, request: Request) -> tuple[Scraper, None] | None:
        """Return who asks, or None for another way of saying it."""
        given = request.headers.get("Authorization", "")
        token: str = settings.METRICS_TOKEN
        known = token and constant_time_compare(given, f"Bearer {token}")
        return (Scraper(), None) if known else None


class Metrics(APIView):
    """Every gauge and count, in the format that the scraper asks for."""

    authentication_classes = [Tokens, MetricsToken, SessionAuthentication]
    permission_classes = [IsAdminUser]

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        """Answer a scrape."""
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return HttpResponse(encode(gauges.shown()), content_type=content_type)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Let the encoder choose: what a scraper accepts no renderer of ours makes."""
        return super().perform_content_negotiation(request, force=True)
