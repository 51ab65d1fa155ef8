"""Who is asking: a token in the Authorization header."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

LONGEST_TOKEN = 200


class Tokens(TokenAuthentication):  # type: ignore[misc]
    """
    Knox's tokens.

    What cannot be a token is refused before it reaches the database, and an
    expired one is looked at by itself: Knox reads all of a user's each time.
    """

    def authenticate_credentials(self, token: bytes) -> Any:
        """Return user and token; raise AuthenticationFailed."""
        if not (token.isalnum() and len(token) <= LONGEST_TOKEN):
            raise AuthenticationFailed("Invalid token.")
        return super().authenticate_credentials(token)

    def _cleanup_token(self, auth_token: Any) -> bool:
        expired = auth_token.expiry is not None and auth_token.expiry < timezone.now()
        if expired:
            auth_token.delete()
        return expired
