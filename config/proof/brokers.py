"""Brokers that are not there: one that refuses, one that never says a word."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

LIVE = ""  # the database itself


@contextlib.contextmanager
def closed_port() -> Iterator[str]:
    """Yield the URL of a broker whose port refuses every connection."""
    # Bound and not listening: nobody else is given the port meanwhile.
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield _url(taken)


@contextlib.contextmanager
def black_hole() -> Iterator[str]:
    """Yield the URL of a broker that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as silent:
        yield _url(silent)


def _url(listening: socket.socket) -> str:
    return f"amqp://127.0.0.1:{listening.getsockname()[1]}"
