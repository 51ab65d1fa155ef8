"""
Connections to a vetted address and nowhere else, kept for each endpoint.

A connection belongs to the attempt that is using it: it leads to that attempt's
address and ends with its time. What a receiver may say before the body is bounded.
"""

from __future__ import annotations

import http.client
import socket
import threading
from collections import OrderedDict
from collections.abc import Hashable
from http.cookiejar import DefaultCookiePolicy
from typing import Any, cast

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from outbox.channels.webhooks.attempts import Attempt

HEAD_LIMIT = 64 * 1024  # bytes of status lines and headers, those of 1xx included
SESSIONS = 64  # kept alive, for each thread


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
    _gathered: bytearray | None = None

    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        try:
            Attempt.current.get().watch(connected)
        except TimeoutError:
            connected.close()
            raise
        return connected

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:  # kept alive from an earlier attempt
            Attempt.current.get().watch(self.sock)
        self._gathered = bytearray()
        try:
            super().request(*args, **kwargs)
        finally:
            whole, self._gathered = self._gathered, None
        self.send(whole)

    def send(self, data: Any) -> None:
        # Head and body would be sent one after the other, and wake the receiver twice.
        if self._gathered is not None:
            self._gathered += data
            return
        if self.sock is None:  # http.client would connect in here
            self.connect()
        Attempt.current.get().about_to_send()
        super().send(data)


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
        return {**where, "host": Attempt.current.get().address}, {**tls, **named}
