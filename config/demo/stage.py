"""
What a demo runs on: a throw-away database, the world outside, and real relays.

Everything is a child process with its own environment; nothing of it is left when
the stage is taken down, however that comes about.
"""

from __future__ import annotations

import contextlib
import secrets
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import psycopg

from config import embedded, machine
from config.demo.errors import DemoFailed, Interrupted
from config.postgresql import CannotStart
from config.processes import Child, Supervisor
from config.state import CHECKOUT

RELAYS = 2
LEASE = "6"  # seconds; what a killed relay had claimed is taken over this much later
STARTS_WITHIN = 20.0

# What is set outside for a real library makes no other demo.
HERE = {
    "DEBUG": "false",
    "EXTRA_APPS": "config.demo.inside",
    "PLAIN_HTTP_WEBHOOKS": "true",
    "LOAN_DAYS": "28",
    "LOAN_LIMIT": "5",
    "RELAY_LEASE": LEASE,
    "LOG_LEVEL": "WARNING",
    "PUBLIC_URL": "http://127.0.0.1:8000",
    "LETTERS_FROM": "Kutubxona <library@demo.example>",
}


@dataclass
class Stage:
    """A database and the world outside, and the children that work on them."""

    folder: Path
    supervisor: Supervisor
    database_url: str
    broker: str
    secret_key: str = field(default_factory=lambda: secrets.token_urlsafe(50))
    ports: dict[str, int] = field(default_factory=dict)
    relays: list[Child] = field(default_factory=list)
    more: Mapping[str, str] = field(default_factory=dict)
    """What the children are told besides, instead of what stands in HERE."""

    @property
    def log(self) -> Path:
        """What the children had to say that is not for the audience."""
        return self.folder / "children.log"

    @property
    def http_url(self) -> str:
        """Where the world's endpoints are."""
        return f"http://127.0.0.1:{self.ports['http']}"

    def connect(self) -> psycopg.Connection[Any]:
        """Look at the database from outside."""
        return psycopg.connect(self.database_url, autocommit=True)

    def command(self, *argv: str) -> Child:
        """Return a child that runs a command of `manage.py` here."""
        # The audience need not read that a broker is away: that is counted.
        env = self.environment() | {"LOG_LEVEL": "ERROR"}
        child = machine.command(argv[0], *argv, env=env)
        child.say = self.supervisor.say
        return child

    def prepare(self) -> None:
        """Make tables and endpoints; raise DemoFailed with what stood in the way."""
        preparing = self.command("demo_prepare", str(self.folder), self.http_url)
        preparing.log = self.log
        if not self.supervisor.run_once(preparing):
            self.fail("The database could not be prepared")

    def start_relays(self) -> None:
        """Start the relays; a killed one comes back."""
        for number in range(1, RELAYS + 1):
            relay = machine.relay(number, self.environment())
            relay.log, relay.say = self.log, self.supervisor.say
            self.relays.append(relay)
            self.supervisor.add(relay)

    def stop_relays(self) -> None:
        """Stop the relays in order, so that nothing arrives any more."""
        self.supervisor.stop(self.relays)
        self.relays = []

    def fail(self, why: str) -> None:
        """Raise what ended the demo: a wish to stop, or a fault."""
        if self.supervisor.asked:
            raise Interrupted
        raise DemoFailed("\n".join([f"{why}:", *self.last_words()]))

    def last_words(self) -> list[str]:
        """Return the end of the children's log."""
        text = self.log.read_text() if self.log.exists() else "(they said nothing)"
        return text.splitlines()[-25:]

    def environment(self) -> dict[str, str]:
        """Return what every child on this stage is told."""
        return machine.environment(
            **{**HERE, **self.more},
            DATABASE_URL=self.database_url,
            BROKER_URL=self.broker,
            SECRET_KEY=self.secret_key,
            EMAIL_URL=f"smtp://127.0.0.1:{self.ports['smtp']}",
        )


@contextlib.contextmanager
def stage(supervisor: Supervisor, *, broker: str = "") -> Iterator[Stage]:
    """Set a stage up, prepared and without relays; take all of it down at the end."""
    try:
        with embedded.throwaway(durable=True) as server:
            folder = server.folder / "demo"
            folder.mkdir(mode=0o700)
            made = Stage(folder, supervisor, server.url, broker)
            with contextlib.ExitStack() as stack:
                _start_world(made, stack)
                made.prepare()
                stack.callback(made.stop_relays)
                yield made
    except (embedded.AlreadyRunning, CannotStart) as error:
        raise DemoFailed(str(error)) from error


def _start_world(made: Stage, stack: contextlib.ExitStack) -> None:
    world = Child(
        name="world",
        argv=[sys.executable, "-m", "config.demo.world", str(made.folder)],
        cwd=CHECKOUT,
        log=made.log,
        say=made.supervisor.say,
    )
    world.start()
    stack.callback(world.stop)
    ready, give_up_at = made.folder / "world.json", time.monotonic() + STARTS_WITHIN
    while not ready.exists():
        if made.supervisor.asked or not world.running():
            made.fail("The world outside did not start")
        if time.monotonic() > give_up_at:
            made.fail(f"The world outside did not start within {STARTS_WITHIN:g} s")
        time.sleep(0.05)
    made.ports = orjson.loads(ready.read_bytes())
