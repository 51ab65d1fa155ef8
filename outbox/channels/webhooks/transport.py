"""
POST to other people's URLs with `requests`, made safe against what answers.

`post` comes back by its deadline and never raises for what a URL, a resolver
or a receiver does: whatever happened is an `Answer`. A name is resolved once
an attempt, every address it has is shown to the policy, and the connection
goes to one of those addresses and nowhere else; redirects are not followed,
proxies of the environment not used, cookies not kept, nothing is inflated.

Two limits of `requests` make the machinery below necessary: its `timeout` is
for each read, so a drip outruns it; and `Session` reads a redirect's whole body.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Literal, Self, cast
from urllib.parse import SplitResult, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

BODY_LIMIT = 16 * 1024  # bytes of an answer's body that are read
HEAD_LIMIT = 64 * 1024  # bytes of status lines and headers, those of 1xx included
RETRY_AFTER_LIMIT = 24 * 3600.0  # seconds
ADDRESSES_TRIED = 4  # of one name, in one attempt
LOOKUPS = 16  # names being resolved at a time, in this process
SESSIONS = 64  # kept alive, for each thread
DEFAULT_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "webhooks/1"}

Address = IPv4Address | IPv6Address
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    What became of one attempt.

    `text` is the start of the answer's body, or without a status the fault in
    words; PostgreSQL can store it. `retry_after` is in seconds from now, of a
    429 or 503. `status` may be there although the outcome is a fault.
    """

    outcome: Outcome
    status: int | None = None
    text: str = ""
    seconds: float = 0.0
    retry_after: float | None = None

    @property
    def delivered(self) -> bool:
        """Tell whether the receiver has taken the message."""
        return self.outcome == "ok"


def system_addresses(host: str, port: int) -> list[str]:
    """Resolve as the machine does. Blocks; raises OSError or UnicodeError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: Address) -> bool:
    """Tell whether an address is public, as far as the standard library knows."""
    return address.is_global and not address.is_multicast


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPolicy:
    """
    Where a message may go.

    `resolve` gives a name's addresses, `allows` judges each of them (IPv4
    mapped into IPv6 comes unwrapped); one that is forbidden forbids the name.
    """

    allow_http: bool = False
    resolve: Callable[[str, int], Sequence[str]] = system_addresses
    allows: Callable[[Address], bool] = is_public


PUBLIC = AddressPolicy()
ANYWHERE = AddressPolicy(allow_http=True, allows=lambda address: True)
"""For development: plain http, and this machine too."""


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    deadline: float,
    session: requests.Session | None = None,
    policy: AddressPolicy = PUBLIC,
) -> Answer:
    """
    POST the body once and return what became of it, after `deadline` seconds at most.

    The deadline is for everything together: name, connection, TLS, headers
    and body. A session is one of ours (`Session`, `session_of`) and belongs to
    one thread; without one the connection is not kept. Raises ValueError or
    TypeError for headers that cannot be sent, a deadline that is not positive
    and a session of another kind; never for what is at the other end.
    """
    if not 0 < deadline < threading.TIMEOUT_MAX:
        raise ValueError("The deadline is a positive number of seconds.")
    if not isinstance(session, Session | None):
        raise TypeError("Only a session made here is safe: see session_of().")
    request = requests.Request("POST", headers=_sendable(headers), data=body)
    began = time.monotonic()
    given = nullcontext(session) if session else Session()
    with given as used, _Attempt(deadline) as attempt:
        answer = _attempted(url, request, used, policy, attempt)
    if attempt.over:
        answer = replace(answer, outcome="deadline", retry_after=None)
    return replace(answer, seconds=time.monotonic() - began)


class Session(requests.Session):
    """A session that takes nothing from the environment, and only `post` can use."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            self.mount(scheme, _VettedAdapter(pool_connections=4, pool_maxsize=1))

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None: told of a redirect, `requests` would read its whole body."""


class Sessions:
    """One kept-alive session for each endpoint and thread, the latest used ones."""

    def __init__(self, limit: int = SESSIONS) -> None:
        self._limit = limit
        self._here = threading.local()

    def of(self, endpoint_id: Hashable) -> Session:
        """Return this thread's session for an endpoint."""
        kept: OrderedDict[Hashable, Session]
        kept = self._here.__dict__.setdefault("kept", OrderedDict())
        session = kept.pop(endpoint_id) if endpoint_id in kept else Session()
        kept[endpoint_id] = session
        while len(kept) > self._limit:
            kept.popitem(last=False)[1].close()
        return session


session_of = Sessions().of


# --- one attempt


class _Refused(Exception):
    """There will be no connection."""

    def __init__(self, outcome: Outcome, text: str) -> None:
        super().__init__(text)
        self.outcome = outcome


class _Attempt:
    """
    The time an attempt has, the address it goes to, and the end of its sockets.

    When the time is up the watchdog shuts the connection down, which wakes the
    reader; closing would not. It holds a duplicate of the descriptor, for two
    reasons: no number that meanwhile belongs to somebody else is shut down,
    and TLS state is left to the thread that is using it.
    """

    current: ContextVar[_Attempt] = ContextVar("attempt")

    def __init__(self, seconds: float) -> None:
        self.address = ""
        self.over = False
        self._ends_at = time.monotonic() + seconds
        self._held: list[socket.socket] = []
        self._lock = threading.Lock()
        self._watchdog = threading.Timer(seconds, self._end)
        self._watchdog.daemon = True

    def __enter__(self) -> Self:
        self._token = self.current.set(self)
        self._watchdog.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._watchdog.cancel()
        with self._lock:
            for held in self._held:
                held.close()
            self._held.clear()
        self.current.reset(self._token)

    def left(self) -> float:
        """Return the seconds that are left; never 0, which sockets misunderstand."""
        return max(self._ends_at - time.monotonic(), 0.001)

    def watch(self, connected: socket.socket) -> None:
        """End this connection when the time is up. Raises TimeoutError if it is."""
        with self._lock:
            if self.over:
                raise TimeoutError("The deadline has passed.")
            self._held.append(socket.fromfd(connected.fileno(), -1, -1))

    def _end(self) -> None:
        with self._lock:
            self.over = True
            for held in self._held:
                with suppress(OSError):  # it has ended by itself
                    held.shutdown(socket.SHUT_RDWR)


def _attempted(
    url: str,
    request: requests.Request,
    session: Session,
    policy: AddressPolicy,
    attempt: _Attempt,
) -> Answer:
    try:
        prepared, parts = _prepared(url, request, policy)
        addresses = _vetted(parts, policy, attempt)
        response = _sent(prepared, addresses, session, attempt)
    except _Refused as refused:
        return Answer(outcome=refused.outcome, text=_storable(str(refused)))
    except _FAULTS as fault:
        return Answer(outcome=_named(fault), text=_in_words(fault))
    with response:
        return _read(response)


def _sendable(headers: Mapping[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        f"{name}{value}".encode("latin-1")  # as http.client will
        requests.utils.check_header_validity((name, value))
    return DEFAULT_HEADERS | dict(headers)


def _prepared(
    url: str, request: requests.Request, policy: AddressPolicy
) -> tuple[requests.PreparedRequest, SplitResult]:
    """Return the request and its URL as it will be used, which is what is judged."""
    request.url = url
    try:
        prepared = request.prepare()
        parts = urlsplit(prepared.url or "")
    except ValueError as fault:
        raise _Refused("blocked_url", f"This is not a URL: {fault}") from fault
    if not parts.hostname or "@" in parts.netloc:
        raise _Refused("blocked_url", "The URL needs a host, and no user name.")
    if parts.scheme != "https" and not (parts.scheme == "http" and policy.allow_http):
        raise _Refused("blocked_url", "The URL has to start with https://.")
    prepared.headers["Host"] = parts.netloc
    return prepared, parts


def _vetted(
    parts: SplitResult, policy: AddressPolicy, attempt: _Attempt
) -> list[Address]:
    """Return the addresses of a URL's host, when every one of them is allowed."""
    host, port = parts.hostname or "", parts.port or (80, 443)[parts.scheme == "https"]
    try:
        found = _in_bounded_thread(lambda: policy.resolve(host, port), attempt.left)
    except TimeoutError:
        raise
    except (OSError, UnicodeError) as fault:
        raise _Refused("dns_error", f"{host} has no address: {fault}") from fault
    addresses = [_unmapped(ip_address(text)) for text in found]
    if not addresses:
        raise _Refused("dns_error", f"{host} has no address.")
    if not all(policy.allows(address) for address in addresses):
        raise _Refused("blocked_address", f"{host} leads to a forbidden address.")
    return addresses[:ADDRESSES_TRIED]


def _unmapped(address: Address) -> Address:
    return getattr(address, "ipv4_mapped", None) or address


_lookups = threading.BoundedSemaphore(LOOKUPS)


def _in_bounded_thread(
    work: Callable[[], Sequence[str]], left: Callable[[], float]
) -> Sequence[str]:
    """Do blocking work that cannot be ended; stop waiting for it when time is up."""
    places, result = _lookups, Future[Sequence[str]]()

    def run() -> None:
        try:
            result.set_result(work())
        except Exception as fault:  # noqa: BLE001 - raised where the result is read
            result.set_exception(fault)
        finally:
            places.release()

    if not places.acquire(timeout=left()):
        raise TimeoutError("Too many names are being resolved.")
    try:
        threading.Thread(target=run, daemon=True).start()
    except RuntimeError:
        places.release()
        raise
    return result.result(timeout=left())


def _sent(
    prepared: requests.PreparedRequest,
    addresses: Sequence[Address],
    session: Session,
    attempt: _Attempt,
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
            if untried == 1 or not _never_connected(fault):
                raise
    raise AssertionError("There is always an address.")


# --- what came back


def _read(response: requests.Response) -> Answer:
    status = response.status_code
    body = bytearray()
    try:
        while len(body) < BODY_LIMIT:
            chunk = response.raw.read1(BODY_LIMIT - len(body), decode_content=False)
            if not chunk:
                break
            body += chunk
        outcome = _meaning(status)
    except _FAULTS as fault:
        outcome = _named(fault)
    return Answer(
        outcome=outcome,
        status=status,
        text=_storable(body.decode(errors="replace")),
        retry_after=_retry_after(status, response.headers.get("Retry-After", "")),
    )


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


def _storable(text: str) -> str:
    """Return text PostgreSQL takes: bounded, without NUL or half a surrogate pair."""
    whole = text[:BODY_LIMIT].encode(errors="replace").decode()
    return whole.replace("\0", "")


_FAULTS = (OSError, urllib3.exceptions.HTTPError, http.client.HTTPException, ValueError)
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


def _never_connected(fault: Exception) -> bool:
    return any(isinstance(cause, ConnectTimeoutError) for cause in _causes(fault))


def _in_words(fault: Exception) -> str:
    """Say the innermost cause; the outer ones name our objects and addresses."""
    *_, cause = _causes(fault)
    return _storable(f"{type(cause).__name__}: {cause}")


def _causes(fault: BaseException) -> Iterator[BaseException]:
    """Yield a fault and what it wraps, in the three ways our libraries wrap."""
    yield fault
    wrapped = [getattr(fault, "reason", None), *fault.args, fault.__cause__]
    for inner in {id(one): one for one in wrapped}.values():
        if isinstance(inner, BaseException):
            yield from _causes(inner)


# --- what requests and urllib3 are made of, here


class _Head:
    """A reader of status lines and headers, up to HEAD_LIMIT bytes of them."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self._left = HEAD_LIMIT

    def readline(self, limit: int) -> bytes:
        line: bytes = self._reader.readline(min(limit, self._left + 1))
        self._left -= len(line)
        if self._left < 0:
            raise http.client.HTTPException(f"got more than {HEAD_LIMIT} header bytes")
        return line

    def close(self) -> None:
        self._reader.close()


class _Response(http.client.HTTPResponse):
    def begin(self) -> None:
        reader = self.fp
        self.fp = cast(Any, _Head(reader))
        try:
            super().begin()
        finally:
            if self.fp is not None:
                self.fp = reader
        if self.status < 200:
            self.will_close = True  # the final answer would be the next one's


class _Watched(HTTPConnection):
    """A connection that ends with the attempt that is using it."""

    response_class = _Response

    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        try:
            _Attempt.current.get().watch(connected)
        except TimeoutError:
            connected.close()
            raise
        return connected

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:  # kept alive from an earlier attempt
            _Attempt.current.get().watch(self.sock)
        super().request(*args, **kwargs)


class _WatchedTLS(_Watched, HTTPSConnection):
    pass


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Watched


class _PoolTLS(urllib3.HTTPSConnectionPool):
    ConnectionCls = _WatchedTLS


class _VettedAdapter(HTTPAdapter):
    """
    Connects to the attempt's address instead of looking the name up again.

    The address is part of the pool's key, so a kept connection is used again
    only while it leads to an address that has just been vetted. TLS asks for
    the name and checks the certificate against it.
    """

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _PoolTLS}

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> Any:
        where, tls = super().build_connection_pool_key_attributes(
            request, *args, **kwargs
        )
        named = {"server_hostname": where["host"]} if where["scheme"] == "https" else {}
        return {**where, "host": _Attempt.current.get().address}, {**tls, **named}
