"""The wire before a broker: it passes, breaks, says nothing, and refuses."""

from __future__ import annotations

import socket
import threading

import pytest

from tests.chaos.proxy import Proxy

PATIENCE = 10


@pytest.fixture
def echo():
    """A server that says what it is told."""
    server = socket.create_server(("127.0.0.1", 0))
    threads = []

    def say(connection):
        with connection:
            while data := _read(connection):
                connection.sendall(data)

    def serve():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=say, args=(connection,)))
            threads[-1].start()

    thread = threading.Thread(target=serve)
    thread.start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    for each in (thread, *threads):
        each.join(PATIENCE)


@pytest.fixture
def proxy(echo):
    made = Proxy("127.0.0.1", echo)
    made.start()
    yield made
    made.stop()


def _read(connection):
    try:
        return connection.recv(100)
    except OSError:
        return b""


def connect(proxy):
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE)


def answered(connection):
    connection.sendall(b"hello")
    return _read(connection)


def test_it_passes_everything_on(proxy):
    with connect(proxy) as wire:
        assert answered(wire) == b"hello"


def test_a_cut_ends_what_is_open_and_nothing_else(proxy):
    with connect(proxy) as before:
        assert answered(before) == b"hello"

        proxy.cut()

        assert _read(before) == b""
    with connect(proxy) as after:
        assert answered(after) == b"hello"


def test_it_refuses_until_it_is_restored_on_the_same_port(proxy):
    port = proxy.port
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)

    proxy.restore()

    with connect(proxy) as wire:
        assert answered(wire) == b"hello"
    assert proxy.port == port


def test_a_mute_one_takes_everything_and_says_nothing(proxy):
    with connect(proxy) as before:
        assert answered(before) == b"hello"
        proxy.mute()
        before.settimeout(0.2)
        with pytest.raises(TimeoutError):
            before.sendall(b"hello") or before.recv(100)
        with connect(proxy):  # taken
            proxy.restore()

    with connect(proxy) as after:
        assert answered(after) == b"hello"
