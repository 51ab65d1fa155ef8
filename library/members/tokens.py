"""Tokens over HTTP: logging in and out for programs; browsers have sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth.models import update_last_login
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from knox.models import get_token_model
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle

from library.members.authentication import Tokens
from library.members.models import User
from library.members.shapes import Credentials, TokenShown
from outbox.api import given
from outbox.api.views import ApiView
from outbox.api.writes import Made, write


class TokenList(ApiView):
    """The token of whoever asks."""

    # Tokens alone: a session would bring CSRF into logging in.
    authentication_classes = [Tokens]
    throttle_classes = [ScopedRateThrottle]
    throttle_scope = "tokens"

    def get_permissions(self) -> Sequence[Any]:
        """Let anybody log in; log out only who is."""
        return [AllowAny() if self.request.method == "POST" else IsAuthenticated()]

    @extend_schema(
        operation_id="log_in",
        request=Credentials,
        responses={201: TokenShown},
        tags=["tokens"],
    )
    def post(self, request: Request) -> Response:
        """Get a token for a user name and a password."""
        user = _authenticated(request)
        tokens = get_token_model().objects

        def act() -> Made:
            tokens.filter(user=user, expiry__lt=timezone.now()).delete()
            token, secret = tokens.create(user=user)
            update_last_login(User, user)
            return Made(token.pk, secret=secret)

        written = write(request, act, status=201, user=user)
        token = tokens.filter(pk=written.id).first()
        shown = {"user_id": user.pk, "expiry": token and token.expiry}
        return written.response(TokenShown(shown | written.once("token")).data)

    @extend_schema(operation_id="log_out", responses={204: None}, tags=["tokens"])
    def delete(self, request: Request) -> Response:
        """Make the token this request came with worthless."""
        request.auth.delete()
        return Response(status=204)


def _authenticated(request: Request) -> User:
    said = given.body(request, Credentials)
    user = authenticate(request, **said)
    if not isinstance(user, User):
        raise AuthenticationFailed(
            "User name or password is wrong.", code="wrong_credentials"
        )
    return user
