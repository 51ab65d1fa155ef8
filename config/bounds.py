"""What no view should have to meet, refused before any is asked."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote_plus

from django.http import HttpRequest, HttpResponse

from config import problems

NextHandler = Callable[[HttpRequest], HttpResponse]


class NoNulCharacters:
    """
    Middleware that refuses NUL characters in path, query, headers and cookies.

    PostgreSQL's text cannot hold one, so any look-up with it would fail as an
    error of ours. Bodies are left to those who read them.
    """

    def __init__(self, get_response: NextHandler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on, or answer 400."""
        if _has_nul(request):
            return problems.answer(400)
        return self.get_response(request)


def _has_nul(request: HttpRequest) -> bool:
    query = unquote_plus(request.META.get("QUERY_STRING", ""))
    # Cookies twice: raw among the headers, and unquoted ("\000") here.
    given = (request.path, query, *request.headers.values(), *request.COOKIES.values())
    return any("\0" in text for text in given)
