"""What the benchmarks run on: a durable database of their own, relays, a receiver."""

from __future__ import annotations

import contextlib
import http.client
import os
import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import django

from config import embedded, machine
from config.processes import Child, Supervisor

PATIENCE = 60.0
OURS, PEERS = "config.settings", "benchmarks.peers.settings"


@contextlib.contextmanager
def database() -> Iterator[None]:
    """Have Django work on a new server with default durability."""
    with embedded.throwaway(durable=True) as server:
        os.environ.update(
            DATABASE_URL=server.url,
            DJANGO_SETTINGS_MODULE=PEERS,
            SECRET_KEY=secrets.token_urlsafe(50),
            PLAIN_HTTP_WEBHOOKS="true",
            LOG_LEVEL="ERROR",
        )
        django.setup()
        # Only where Django is set up can it be imported.
        from benchmarks import databases  # noqa: PLC0415

        databases.make_pristine()
        yield


def set_up(settings: str) -> None:
    """Set Django up in a process of ours, with other settings."""
    os.environ["DJANGO_SETTINGS_MODULE"] = settings
    django.setup()


@contextlib.contextmanager
def relays(
    count: int, folder: Path, *, ready: bool = True, **environment: str
) -> Iterator[list[subprocess.Popen[str]]]:
    """
    Run relays for a while, as `manage.py up` does; yield their processes.

    Not `ready`: one that will not come so far.
    """
    log = folder / f"relays-{ready}.log"
    log.write_text("")
    env = _ours(environment)
    children = [machine.relay(number, env) for number in range(1, count + 1)]
    with _running(children, log):
        if ready:
            _wait_until(lambda: log.read_text().count("relay: ready") == count, log)
        yield [child.process for child in children if child.process]


@contextlib.contextmanager
def web(folder: Path, **environment: str) -> Iterator[int]:
    """Run the web server for a while, as `manage.py up` does; yield its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    log = folder / f"web-{port}.log"
    child = machine.web(machine.address("127.0.0.1", port), _ours(environment))
    with _running([child], log):
        _wait_until(lambda: _answers(port), log)
        yield port


@contextlib.contextmanager
def peer(*command: str, **environment: str) -> Iterator[None]:
    """Run a command of a peer's for a while, as its documentation says."""
    child = machine.command("peer", *command, env=machine.environment(**environment))
    with _running([child], Path(os.devnull)):
        yield


def _ours(environment: dict[str, str]) -> dict[str, str]:
    return machine.environment(**{"DJANGO_SETTINGS_MODULE": OURS, **environment})


@contextlib.contextmanager
def _running(children: Sequence[Child], log: Path) -> Iterator[None]:
    supervisor = Supervisor(say=lambda line: None)
    try:
        for child in children:
            child.log, child.say = log, lambda line: None
            supervisor.add(child)
        yield
    finally:
        supervisor.stop(children)


def _answers(port: int) -> bool:
    server = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        server.request("GET", "/livez")
        return server.getresponse().status == 200
    except ConnectionError:
        return False
    finally:
        server.close()


def _wait_until(started: Callable[[], bool], log: Path) -> None:
    give_up_at = time.monotonic() + PATIENCE
    while not started():
        if time.monotonic() > give_up_at:
            raise RuntimeError(f"it did not start:\n{log.read_text()}")
        time.sleep(0.05)


class Receiver(ThreadingHTTPServer):
    """An endpoint on loopback that notes when each message came in."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.arrived: dict[str, float] = {}
        self.came = threading.Condition()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self, path: str = "/") -> str:
        """Return where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def wait_for(self, message_id: str, path: str = "/") -> float:
        """Return when a message came in; wait for it if it did not yet."""
        key = path + message_id
        with self.came:
            if not self.came.wait_for(lambda: key in self.arrived, PATIENCE):
                raise RuntimeError(f"{message_id} never came to {path}")
        return self.arrived[key]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.came:
            key = self.path + self.headers["webhook-id"]
            self.server.arrived.setdefault(key, time.perf_counter())
            self.server.came.notify_all()
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass
