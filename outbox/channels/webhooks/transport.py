"""
POST to other people's URLs with `requests`, made safe against what answers.

`post` comes back by its deadline and never raises for what a URL, a resolver
or a receiver does: whatever happened is an `Answer`. A name is resolved once
an attempt, every address it has is shown to the policy, and the connection
goes to one of those addresses and nowhere else; redirects are not followed,
proxies of the environment not used, cookies not kept, nothing is inflated.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

import requests

from outbox.channels.webhooks import answers
from outbox.channels.webhooks.addresses import (
    PUBLIC,
    AddressPolicy,
    Refused,
    port_of,
    vetted,
)
from outbox.channels.webhooks.answers import Answer
from outbox.channels.webhooks.attempts import Attempt
from outbox.channels.webhooks.connections import Session, Sessions
from outbox.channels.webhooks.public import Address

DEFAULT_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "webhooks/1"}

session_of = Sessions().of


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    deadline: float,
    ends: float = math.inf,
    session: requests.Session | None = None,
    policy: AddressPolicy = PUBLIC,
) -> Answer:
    """
    POST the body once and return what became of it, after `deadline` seconds at most.

    The deadline is for everything together: name, connection, TLS, headers
    and body; `ends` is a moment of `time.monotonic` by which it is over in any
    case, and after which nothing leaves. A session is one of ours (`Session`,
    `session_of`) and belongs to one thread; without one the connection is not kept.
    Raises ValueError or TypeError for headers that cannot be sent, a deadline that
    is not positive and a session of another kind; never for what is at the other
    end.
    """
    if not 0 < deadline < threading.TIMEOUT_MAX:
        raise ValueError("The deadline is a positive number of seconds.")
    if not isinstance(session, Session | None):
        raise TypeError("Only a session made here is safe: see session_of().")
    request = _request(_sendable(headers), body)
    began = time.monotonic()
    ends = min(began + deadline, ends)
    given = nullcontext(session) if session else Session()
    with given as used, Attempt(ends) as attempt:
        answer = _attempted(url, request, used, policy, attempt)
    if attempt.over:
        answer = replace(answer, outcome="deadline", retry_after=None)
    return replace(answer, sent=attempt.sent, seconds=time.monotonic() - began)


def _attempted(
    url: str,
    request: requests.PreparedRequest,
    session: Session,
    policy: AddressPolicy,
    attempt: Attempt,
) -> Answer:
    try:
        request.url, parts = _judged(url, policy)
        request.headers["Host"] = parts.netloc
        addresses = vetted(parts, policy, attempt.left)
        response = _sent(request, addresses, session, attempt)
    except Refused as refused:
        return Answer(outcome=refused.outcome, text=answers.storable(str(refused)))
    except answers.FAULTS as fault:
        return answers.failed(fault)
    with response:
        return answers.read(response)


def _sendable(headers: Mapping[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        f"{name}{value}".encode("latin-1")  # as http.client will
        requests.utils.check_header_validity((name, value))
    return DEFAULT_HEADERS | dict(headers)


def _request(headers: Mapping[str, str], body: bytes) -> requests.PreparedRequest:
    """Return a request that lacks its URL, and has nothing but what is given."""
    request = requests.PreparedRequest()
    request.prepare_method("POST")
    request.prepare_headers(headers)
    request.prepare_body(body, None)
    request.prepare_hooks(None)
    return request


def _judged(url: str, policy: AddressPolicy) -> tuple[str, SplitResult]:
    """Return a URL as it will be used, which is what is judged, and its parts."""
    try:
        prepared, parts = _prepared(url)
        port = port_of(parts)
    except ValueError as fault:
        raise Refused("blocked_url", f"This is not a URL: {fault}") from fault
    if not parts.hostname or "@" in parts.netloc:
        raise Refused("blocked_url", "The URL needs a host, and no user name.")
    if parts.scheme != "https" and not (parts.scheme == "http" and policy.allow_http):
        raise Refused("blocked_url", "The URL has to start with https://.")
    if not policy.allows_port(port):
        raise Refused("blocked_url", f"Port {port} is not one that web servers are at.")
    return prepared, parts


@lru_cache(maxsize=256)
def _prepared(url: str) -> tuple[str, SplitResult]:
    """Return a URL as `requests` makes it, and its parts: always the same of one."""
    request = requests.PreparedRequest()
    request.prepare_url(url, None)
    return request.url or "", urlsplit(request.url or "")


def _sent(
    prepared: requests.PreparedRequest,
    addresses: Sequence[Address],
    session: Session,
    attempt: Attempt,
) -> requests.Response:
    """Send to the first address that lets us connect; never to two of them."""
    for untried in range(len(addresses), 0, -1):
        attempt.address = str(addresses[-untried])
        left = attempt.left()
        try:
            return session.send(
                prepared,
                stream=True,
                allow_redirects=False,
                timeout=(left / untried, left),
            )
        except requests.ConnectionError as fault:
            if untried == 1 or not answers.never_connected(fault):
                raise
    raise AssertionError("There is always an address.")
