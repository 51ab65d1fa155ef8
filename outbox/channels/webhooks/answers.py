"""
What became of one attempt: an `Answer`, whatever was at the other end.

A response is read up to a bound and named by its status; a fault is named by its
innermost cause, through all the wrapping that our libraries put around it.
"""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal

import requests
import urllib3
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

BODY_LIMIT = 16 * 1024  # bytes of an answer's body that are read
RETRY_AFTER_LIMIT = 24 * 3600.0  # seconds

FAULTS = (OSError, urllib3.exceptions.HTTPError, http.client.HTTPException, ValueError)
"""What a URL, a resolver or a receiver can raise, by way of our libraries."""

Outcome = Literal[
    "ok",  # 2xx: the only one that is delivered
    "redirect",  # 3xx, not followed
    "gone",  # 410: stop sending
    "throttled",  # 429
    "http_4xx",
    "http_5xx",
    "bad_response",  # not HTTP, cut short, too many headers, no final status
    "deadline",  # the time was up, whatever had been read by then
    "dns_error",
    "connect_error",  # refused or unreachable: nothing was sent
    "tls_error",
    "reset",  # the connection ended before the answer did
    "blocked_url",  # not a URL we POST to
    "blocked_address",  # the name leads where the policy forbids
]


UNANSWERED: frozenset[Outcome] = frozenset(
    ["bad_response", "deadline", "tls_error", "reset"]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    What became of one attempt.

    `text` is the start of the answer's body, or without a status the fault in
    words; PostgreSQL can store it. `retry_after` is in seconds from now, of a
    429 or 503. `status` may be there although the outcome is a fault. `sent` tells
    whether anything of the request has left.
    """

    outcome: Outcome
    status: int | None = None
    text: str = ""
    sent: bool = False
    seconds: float = 0.0
    retry_after: float | None = None

    @property
    def delivered(self) -> bool:
        """Tell whether the receiver has taken the message."""
        return self.outcome == "ok"

    @property
    def ambiguous(self) -> bool:
        """Tell whether the receiver may have taken it without our knowing."""
        return self.sent and self.outcome in UNANSWERED


def read(response: requests.Response) -> Answer:
    """Return what a response says, read up to BODY_LIMIT."""
    status = response.status_code
    body = bytearray()
    try:
        while len(body) < BODY_LIMIT:
            chunk = response.raw.read1(BODY_LIMIT - len(body), decode_content=False)
            if not chunk:
                break
            body += chunk
        outcome = _meaning(status)
    except FAULTS as fault:
        outcome = _named(fault)
    return Answer(
        outcome=outcome,
        status=status,
        text=storable(body.decode(errors="replace")),
        retry_after=_retry_after(status, response.headers.get("Retry-After", "")),
    )


def failed(fault: Exception) -> Answer:
    """Return what a fault means, in the words of its innermost cause."""
    return Answer(outcome=_named(fault), text=_in_words(fault))


def never_connected(fault: Exception) -> bool:
    """Tell whether a fault came before there was a connection."""
    return any(isinstance(cause, ConnectTimeoutError) for cause in _causes(fault))


def storable(text: str) -> str:
    """Return text PostgreSQL takes: bounded, without NUL or half a surrogate pair."""
    whole = text[:BODY_LIMIT].encode(errors="replace").decode()
    return whole.replace("\0", "")


def _meaning(status: int) -> Outcome:
    special: dict[int, Outcome] = {410: "gone", 429: "throttled"}
    classes: dict[int, Outcome]
    classes = {2: "ok", 3: "redirect", 4: "http_4xx", 5: "http_5xx"}
    return special.get(status) or classes.get(status // 100, "bad_response")


def _retry_after(status: int, value: str) -> float | None:
    """Return seconds from either form (RFC 9110, 10.2.3), at most a day."""
    if status not in {429, 503}:
        return None
    if value.isascii() and value.isdigit():
        return min(float(value), RETRY_AFTER_LIMIT)
    try:
        seconds = parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_LIMIT)


_NAMES: Sequence[tuple[tuple[type[Exception], ...], Outcome]] = (
    ((urllib3.exceptions.SSLError, ssl.SSLError), "tls_error"),
    ((TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError), "deadline"),
    ((ConnectionError,), "reset"),
)


def _named(fault: Exception) -> Outcome:
    causes = list(_causes(fault))
    if any(isinstance(cause, NewConnectionError) for cause in causes):
        return "connect_error"
    for kinds, name in _NAMES:
        if any(isinstance(cause, kinds) for cause in causes):
            return name
    return "bad_response"


def _in_words(fault: Exception) -> str:
    """Say the innermost cause; the outer ones name our objects and addresses."""
    *_, cause = _causes(fault)
    return storable(f"{type(cause).__name__}: {cause}")


def _causes(fault: BaseException) -> Iterator[BaseException]:
    """Yield a fault and what it wraps, in the three ways our libraries wrap."""
    yield fault
    wrapped = [getattr(fault, "reason", None), *fault.args, fault.__cause__]
    for inner in {id(one): one for one in wrapped}.values():
        if isinstance(inner, BaseException):
            yield from _causes(inner)
