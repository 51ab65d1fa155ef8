"""
`manage.py up`: a whole library on one machine, under one command.

Starts PostgreSQL (unless DATABASE_URL names one), prepares it, then keeps the web
server and the relays running. Ctrl-C or SIGTERM stops the web server first, so that
nothing new comes in, then the relays once their attempts have ended, and PostgreSQL
last.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
import urllib.request
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config import embedded, machine
from config.management.commands.prepare import PASSWORD_FILE
from config.postgresql import CannotStart
from config.processes import Supervisor, say
from config.state import make_state_folder


class Command(BaseCommand):
    """Run everything until asked to stop."""

    help = "Run database, web server and relays of one machine; Ctrl-C stops them."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=_port, default=8000)
        parser.add_argument("--relays", type=int, default=2)

    def handle(self, *args: Any, host: str, port: int, relays: int, **_: Any) -> None:
        """Start, watch, stop."""
        _check_port_is_free(host, port)
        supervisor = Supervisor()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, supervisor.ask_to_stop)
        address = machine.address(host, port)
        url = os.environ.get("PUBLIC_URL") or f"http://{address}"
        with contextlib.ExitStack() as stack:
            env = machine.environment(
                PUBLIC_URL=url, DATABASE_URL=_database(stack, supervisor)
            )
            how_to_log_in = _prepare(supervisor, env)
            web = machine.web(address, env)
            workers = [machine.relay(number, env) for number in range(1, relays + 1)]
            for child in (*workers, web):
                supervisor.add(child)
            _announce(f"http://{address}/readyz", f"{url}/", how_to_log_in)
            supervisor.run()
            supervisor.stop([web, *workers])
        say("stopped")


def _database(stack: contextlib.ExitStack, supervisor: Supervisor) -> str:
    """Return the URL of the database, started here if none is named."""
    if url := os.environ.get("DATABASE_URL"):
        return url
    try:
        server = stack.enter_context(embedded.running())
    except (embedded.AlreadyRunning, CannotStart) as error:
        raise CommandError(str(error)) from error
    supervisor.add(server.child)  # it comes back, too, when it is killed
    return server.url


def _prepare(supervisor: Supervisor, env: dict[str, str]) -> str:
    """Prepare the database; return how to log in, the password only the first time."""
    kept = make_state_folder() / PASSWORD_FILE
    before = _text(kept)
    if not supervisor.run_once(machine.prepare(env)) and not supervisor.asked:
        raise CommandError("The database could not be prepared; see above.")
    after = _text(kept)
    if not after:
        return "log in with an account of yours"
    name, password = after.split()
    if after == before:
        return f"log in as {name}; the password of the first start is in {kept}"
    return f"log in as {name} with password {password} (shown once; kept in {kept})"


def _announce(ready_url: str, url: str, how_to_log_in: str) -> None:
    """Say where the library is, in the background, as soon as it is ready."""

    def wait_and_say() -> None:
        while not _is_ready(ready_url):
            time.sleep(0.2)
        say(f"Kutubxona is ready: {url}\n  {how_to_log_in}\n  Ctrl-C stops it")

    threading.Thread(target=wait_and_say, daemon=True).start()


def _is_ready(url: str) -> bool:
    """Ask our own web server: through no proxy, and by a name it answers to."""
    ask = urllib.request.Request(url, headers={"Host": _allowed_host()})  # noqa: S310 our own
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(ask, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _allowed_host() -> str:
    """Return the first of ALLOWED_HOSTS, which can be a pattern: * or .example."""
    first: str = settings.ALLOWED_HOSTS[0]
    return "localhost" if first == "*" else first.removeprefix(".")


def _port(value: str) -> int:
    port = int(value) if value.isdecimal() else 0
    if not 1 <= port <= 65535:
        raise ArgumentTypeError(f"{value!r} is no port from 1 to 65535")
    return port


def _check_port_is_free(host: str, port: int) -> None:
    """Refuse early: the web server would only try again and again."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as knock:
        knock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            knock.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"Port {port} cannot be used ({error.strerror}). "
                "Choose another one: make run PORT=8001"
            ) from error


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""
