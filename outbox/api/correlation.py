"""
Middleware: each request has a correlation id, and goes on with its caller's trace.

All that is recorded in the request carries the id, so does every line of its log,
and the answer says it: whoever reports a problem can name it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.signals import request_finished
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from structlog.contextvars import bind_contextvars, unbind_contextvars

from outbox import tracing
from outbox.context import acting
from outbox.ids import new_id

HEADER = "X-Correlation-ID"


class Correlated:
    """The edge: opens the cause under which all of a request happens."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request with its id; a client's own is never taken over."""
        traceparent = tracing.accepted(request.headers.get(tracing.HEADER, ""))
        with acting(correlation_id=new_id(), traceparent=traceparent) as cause:
            response = self._get_response(request)
        # Django's own line about an error comes after all middleware.
        bind_contextvars(correlation_id=str(cause.correlation_id))
        response.headers[HEADER] = str(cause.correlation_id)
        return response


@receiver(request_finished)
def _forget(**kwargs: Any) -> None:
    """Leave the thread's next request a log without the last one's id."""
    unbind_contextvars("correlation_id")
