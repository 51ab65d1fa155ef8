"""
Every error as a problem (RFC 9457): `application/problem+json` with a stable code.

One shape for what the library refuses, what the outbox refuses, what the REST
framework finds wrong, and what Django itself answers outside of any view.
"""

from __future__ import annotations

import logging
from functools import singledispatch
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.utils.encoders import JSONEncoder

from library.refusals import Refusal
from outbox.channels.webhooks.refusals import InvalidEndpoint
from outbox.errors import (
    CannotUnseal,
    CommandReused,
    StaleStream,
    Unanswerable,
    UnencodableEvent,
)
from outbox.signatures import Refused
from projections.errors import NotYetVisible

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

CODES_OF_HEADERS = {"invalid_idempotency_key", "invalid_if_match"}

SENTENCES = {
    400: ("bad_request", "The request cannot be understood. Correct it."),
    403: ("permission_denied", "You may not do this."),
    404: ("not_found", "There is nothing here. See /api/v1/docs/ for what there is."),
    413: ("body_too_large", "The body is too large. Send less at a time."),
    500: ("error", "Something went wrong on our side. Try again, and report it."),
    503: ("unavailable", "The database cannot be reached. Try again in a moment."),
}


class Problem(APIException):
    """An error with all of its members; what we raise others are turned into it."""

    auth_header: str | None = None

    def __init__(self, status: int, code: str, detail: str, **members: Any) -> None:
        super().__init__(detail, code)
        self.wait: int | None = None  # seconds, for Retry-After
        self.status_code = status
        self.members = members


class Handler(ExceptionHandler):
    """What views raise, as problems."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        """Turn what we know into an exception with a status of its own."""
        known = super().convert_known_exceptions(exc)
        return _known(known) or known

    def get_response(  # type: ignore[override]
        self, exc: APIException, data: dict[str, Any]
    ) -> HttpResponse:
        """Return the problem, whatever the view would have rendered."""
        return _response(data, headers=self.get_headers(exc))


class Formatter(ExceptionFormatter):
    """The members of a problem, from an exception of the REST framework."""

    def format_error_response(self, error_response: Any) -> dict[str, Any]:
        """Return the problem's members."""
        first = error_response.errors[0]
        if isinstance(self.exc, Problem):
            return members(
                self.exc.status_code, first.code, first.detail, **self.exc.members
            )
        if not isinstance(self.exc, ValidationError):
            return members(self.exc.status_code, first.code, first.detail)
        errors = [_error(e.attr, e.code, e.detail) for e in error_response.errors]
        sentence = "What was given is not valid. See `errors`."
        return members(400, _code_of(errors), sentence, errors=errors)


def members(status: int, code: str, detail: str, **more: Any) -> dict[str, Any]:
    """Return a problem; its type is stable as its code is."""
    return {
        "type": f"urn:kutubxona:problem:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
        **more,
    }


def answer(status: int) -> HttpResponse:
    """Return the problem that stands for a status."""
    return _response(members(status, *SENTENCES[status]))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django finds suspicious: Django's `handler400`."""
    return answer(413 if isinstance(exception, RequestDataTooBig) else 400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer in the place of Django's `handler403`."""
    return answer(403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer in the place of Django's `handler404`."""
    return answer(404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer in the place of Django's `handler500`."""
    return answer(500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form that came without its CSRF token."""
    return _response(members(403, "csrf_failed", f"{reason} Reload the page."))


@singledispatch
def _known(exc: Exception) -> Problem | None:
    """Return the problem that stands for what was raised, if one does."""
    return None


@_known.register
def _(refusal: Refusal) -> Problem:
    more: dict[str, Any] = {
        "facts": refusal.facts,
        "reasons": [
            {"code": each.code, "detail": str(each), "facts": each.facts}
            for each in refusal.reasons
        ],
    }
    if field := refusal.facts.get("field"):
        more["errors"] = [_error(field, refusal.code, str(refusal))]
    return Problem(refusal.status, refusal.code, str(refusal), **more)


@_known.register
def _(exc: CommandReused) -> Problem:
    return Problem(422, "idempotency_key_reused", str(exc))


@_known.register
def _(exc: StaleStream) -> Problem:
    return Problem(412, exc.code, str(exc), facts=exc.facts)


@_known.register
def _(exc: InvalidEndpoint) -> Problem:
    errors = [_error(exc.field, exc.code, str(exc))]
    return Problem(exc.status, exc.code, str(exc), errors=errors)


@_known.register
def _(exc: Refused) -> Problem:
    problem = Problem(exc.status, exc.code, str(exc))
    if exc.status == 401:
        problem.auth_header = "Signature"  # a 401 says how to do better: RFC 9110
    return problem


@_known.register
def _(exc: UnencodableEvent) -> Problem:
    return Problem(400, "unencodable", str(exc))


@_known.register
def _(exc: NotYetVisible) -> Problem:
    problem = Problem(503, exc.code, str(exc))
    problem.wait = exc.retry_after
    return problem


@_known.register
def _(exc: Unanswerable) -> Problem:
    return Problem(400, exc.code, str(exc))


@_known.register
def _(exc: RequestDataTooBig) -> Problem:
    return Problem(413, *SENTENCES[413])


@_known.register(SuspiciousOperation)
@_known.register(UnreadablePostError)
def _(exc: Exception) -> Problem:
    return Problem(400, *SENTENCES[400])


@_known.register
def _(exc: OperationalError) -> Problem:
    # The database is away, or broke off a deadlock: nothing was changed.
    return Problem(503, *SENTENCES[503])


@_known.register
def _(exc: CannotUnseal) -> Problem:
    # Which key is missing here is for the log, not for whoever asks.
    logger.error("%s", exc)
    sentence = "A key of ours is missing. Try again later; we have been told."
    return Problem(503, "unavailable", sentence)


def _error(field: str | None, code: str, detail: str) -> dict[str, Any]:
    return {"field": field, "code": code, "detail": detail}


def _code_of(errors: list[dict[str, Any]]) -> str:
    # A malformed header is no fault of the body's: clients tell it by the code.
    (code, *others) = {error["code"] for error in errors}
    return code if code in CODES_OF_HEADERS and not others else "validation_error"


def _response(
    problem: dict[str, Any], headers: dict[str, str] | None = None
) -> HttpResponse:
    # ASCII: a lone surrogate that is quoted back has no other way out.
    return JsonResponse(
        problem,
        encoder=JSONEncoder,
        status=problem["status"],
        content_type=MEDIA_TYPE,
        headers=headers,
    )
