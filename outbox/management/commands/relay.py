"""
`manage.py relay`: one relay process, sweep and actors together.

Stops on SIGTERM or SIGINT once the attempts under way have ended.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import dramatiq
from django.core.management.base import BaseCommand, CommandError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from dramatiq.worker import Worker

from outbox import gauges, nudge, relay, schedule, tasks
from outbox.channels.registry import channels
from outbox.sweep import Sweep

logger = logging.getLogger(__name__)

# A relay's threads wait for others most of the time, and what came for one of them is
# not to wait for Python's usual 5 ms until another lets go.
SWITCH = 0.0005  # seconds
LOOK = 1.0  # seconds between looks at the attempts under way

# Less than the lease: a frozen holder is thrown out before it is succeeded.
LONGEST = int(schedule.WITHIN_LEASE * 1000)
SESSION = (
    "SET jit = off; "  # claims take milliseconds, compiling one takes hundreds
    f"SET statement_timeout = {LONGEST}; "
    f"SET idle_in_transaction_session_timeout = {LONGEST}"
)


class Command(BaseCommand):
    """Deliver what is owed."""

    help = "Sequence and deliver what is owed, until stopped."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--threads", type=int, default=4)
        parser.add_argument(
            "--no-broker", action="store_true", help="deliver by the sweep alone"
        )
        parser.add_argument(
            "--metrics",
            type=_address,
            metavar="HOST:PORT",
            help="answer Prometheus there; nobody is asked for a login",
        )

    def handle(
        self,
        *args: Any,
        threads: int,
        no_broker: bool,
        metrics: tuple[str, int] | None = None,
        **options: Any,
    ) -> None:
        """Run until SIGTERM or SIGINT."""
        if metrics:
            _serve(*metrics)
        sys.setswitchinterval(SWITCH)
        connection_created.connect(_bound_sessions)
        sweep = Sweep({} if no_broker else _helpers())
        nudge.listen(sweep.committed)
        broker = dramatiq.get_broker()
        worker = None if no_broker else Worker(broker, worker_threads=threads)

        def stop(signum: int, frame: FrameType | None) -> None:
            relay.stopping.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        sweep.start()
        if worker:
            threading.Thread(target=worker.start, daemon=True).start()
        self.stdout.write("relay: ready")
        while not relay.stopping.wait(LOOK):
            if relay.overdue():
                logger.critical("an attempt has outlived its lease; this relay ends")
                os._exit(os.EX_SOFTWARE)

        longest = max(channel.DEADLINE for channel in channels().values()) + 2
        if worker:
            worker.stop(timeout=int(longest * 1000))
        if not sweep.stop(longest):
            logger.warning("an attempt outlived its deadline; its lease will end it")


def _helpers() -> dict[str, Callable[[], None]]:
    """Return for each channel how to call an actor to it: by a message, as ever."""
    return {
        name: nudge.Bell(partial(tasks.deliver.send, name)).ring for name in channels()
    }


def _bound_sessions(
    sender: type[BaseDatabaseWrapper], connection: BaseDatabaseWrapper, **kwargs: Any
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(SESSION)


def _address(value: str) -> tuple[str, int]:
    """Return host and port of 127.0.0.1:9101 or [::1]:9101."""
    host, _, port = value.rpartition(":")
    if not (host and port.isdecimal() and 1 <= int(port) <= 65535):
        raise ArgumentTypeError(f"{value!r} is no address such as 127.0.0.1:9101")
    return host.strip("[]"), int(port)


def _serve(host: str, port: int) -> None:
    try:
        gauges.serve(host, port)
    except OSError as error:
        raise CommandError(
            f"Metrics cannot be served on {host}, port {port} ({error.strerror}). "
            "Choose another address with --metrics."
        ) from error
