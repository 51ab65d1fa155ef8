"""
Receivers that mean harm, each with the names its attempt may be recorded under.

Two names where it depends on who is first: a reset throws away what was not read yet.

Some of them are slow, some broken, some reset, some lead elsewhere, some show a
certificate that must not be trusted, and some are names that no resolver helps with.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass

from tests.outbox.webhooks.receivers import (
    OK,
    deaf,
    keep_alive,
    keeping_on,
    reset,
    response,
    saying,
    silent,
)

SLOW = {
    "accept, then silence": silent,
    "no reading either": deaf,
    "status line drip": keeping_on(b"HTTP/1.1 20", b"0", 0.02),
    "header drip": keeping_on(b"HTTP/1.1 200 OK\r\nX: ", b"y", 0.02),
    "body drip": keeping_on(b"HTTP/1.1 200 OK\r\n\r\n", b"x", 0.02),
    "sized body drip": keeping_on(
        response("200 OK")[:-4] + b"9999\r\n\r\n", b"x", 0.02
    ),
    "chunk drip": keeping_on(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", 0.02
    ),
    "chunk size drip": keeping_on(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0", 0.02
    ),
    "endless trailers": keeping_on(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"
    ),
    "1xx drip": keeping_on(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.02),
    "10 GiB promised": keeping_on(
        b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n", b"x", 0.02
    ),
    "410, then silence": keeping_on(response("410 Gone")[:-5] + b"9\r\n\r\n", b"", 1),
}


BROKEN = {
    "garbage": b"\x16\x03\x01\x00garbage\xff\r\n\r\n" * 9,
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "HTTP/2": b"HTTP/2.0 200 OK\r\n\r\n",
    "no status": b"HTTP/1.1 abc OK\r\n\r\n",
    "huge status": b"HTTP/1.1 " + b"9" * 5000 + b" OK\r\n\r\n",
    "100,000 headers": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000 + b"\r\n",
    "a long header": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 10**6 + b"\r\n\r\n",
    "99 long headers": b"HTTP/1.1 200 OK\r\n"
    + (b"X: " + b"y" * 60_000 + b"\r\n") * 99
    + b"\r\n",
    "a long status line": b"HTTP/1.1 200 " + b"K" * 10**6 + b"\r\n\r\n",
    "endless 1xx": b"HTTP/1.1 100 Continue\r\n\r\n" * 100_000,
    "cut short": b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhi",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nhi",
    "bad chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhi",
    "cut chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhi",
}


def drip_handshake(server, peer):
    """Begin a TLS record of 16 KiB and take a lifetime over it."""
    peer.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
    while not server.done.wait(0.02):
        peer.sendall(b"\x03")


def reset_before(server, peer):
    reset(peer)


def reset_instead(server, peer):
    server.read_request(peer)
    reset(peer)


def reset_during(server, peer):
    server.read_request(peer)
    peer.sendall(response("200 OK")[:-5] + b"99\r\n\r\nhi")
    server.done.wait(0.1)
    reset(peer)


def reset_after(server, peer):
    server.read_request(peer)
    peer.sendall(OK)
    server.done.wait(0.1)
    reset(peer)


def leading_to_private(server, peer):
    server.read_request(peer)
    peer.sendall(response("302 Found", Location="http://169.254.169.254/latest/"))


def endless_body(server, peer):
    server.read_request(peer)
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n")
    while not server.done.is_set():
        peer.sendall(_MEBIBYTE)


_MEBIBYTE = bytes(1 << 20)
_BOMB = gzip.compress(bytes(50 << 20), compresslevel=1)


@dataclass(frozen=True, slots=True)
class Hostile:
    """
    One of them.

    `certificate` is the kind it shows (None: it speaks plainly), `host` what it is
    called in its URL, and `resolves` what the resolver says of that name.
    """

    answer: Callable
    outcomes: tuple[str, ...]
    certificate: str | None = None
    host: str = "127.0.0.1"
    resolves: str = "127.0.0.1"


def _told(*outcomes, **more):
    return lambda answer: Hostile(answer, outcomes, **more)


HOSTILE = {
    **{name: _told("deadline")(answer) for name, answer in SLOW.items()},
    **{name: _told("bad_response")(saying(said)) for name, said in BROKEN.items()},
    "101": _told("bad_response")(saying(response("101 Switching Protocols"))),
    "10 GiB at full speed": _told("ok")(endless_body),
    "NUL and bad UTF-8": _told("http_5xx")(saying(response("500 No", b"\0\xff\xed\0"))),
    "gzip bomb": _told("ok")(
        saying(response("200 OK", _BOMB, Content_Encoding="gzip"))
    ),
    "302 with a bomb": _told("redirect")(
        saying(response("302 Found", _BOMB, Content_Encoding="gzip", Location="/"))
    ),
    "302 to a private address": _told("redirect")(leading_to_private),
    "reset before": _told("reset", "connect_error")(reset_before),
    "reset instead": _told("reset")(reset_instead),
    "reset during": _told("reset")(reset_during),
    "reset after": _told("ok", "reset")(reset_after),
    "slow handshake": _told("deadline", certificate="none")(drip_handshake),
    "plain where TLS belongs": _told("tls_error", "reset", certificate="none")(
        lambda server, peer: peer.sendall(OK * 9)
    ),
    "expired certificate": _told("tls_error", certificate="expired", host="hooks.test")(
        keep_alive
    ),
    "self-signed certificate": _told(
        "tls_error", certificate="self-signed", host="hooks.test"
    )(keep_alive),
    "certificate of another": _told(
        "tls_error", certificate="sound", host="other.test"
    )(keep_alive),
    "private name": _told("blocked_address", host="private.test", resolves="10.0.0.1")(
        deaf
    ),
    "mixed answers": _told(
        "blocked_address", host="mixed.test", resolves="127.0.0.1 10.0.0.1"
    )(keep_alive),
    "stalling resolver": _told("deadline", host="stall.test", resolves="stall")(deaf),
    "no such name": _told("dns_error", host="none.test", resolves="")(deaf),
}
