"""One play from beginning to end, on a stage of its own."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from config.demo import ledger, looking
from config.demo.killing import Killer
from config.demo.owed import Owed
from config.demo.progress import Show
from config.demo.report import Seen
from config.demo.stage import stage
from config.demo.watch import Watch
from config.processes import Supervisor

LONGEST = 1800.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """A command of `config.demo.inside`, which is told the folder first."""

    command: str
    arguments: tuple[str, ...] = ()
    broker: str = ""
    kill: bool = True
    undisturbed: bool = False
    """Start the relays only when the play is over: it takes times."""
    longest: float = LONGEST


@dataclass(frozen=True, slots=True)
class Played:
    """What was owed, what is there, and what the players noted besides."""

    owed: Owed
    seen: Seen
    notes: list[dict[str, Any]]


def perform(play: Play, show: Show) -> Played:
    """
    Play, and wait until everything owed has gone out.

    To be called from the main thread. Raises Interrupted after Ctrl-C, and
    DemoFailed where it does not come to its end; nothing is left behind.
    """
    started = time.monotonic()
    supervisor = Supervisor(say=show.say)
    with (
        _stopped_by_signals(supervisor),
        stage(supervisor, broker=play.broker) as here,
        here.connect() as connection,
    ):
        player = here.command(play.command, str(here.folder), *play.arguments)
        if play.undisturbed and not supervisor.run_once(player):
            here.fail(f"{play.command} failed")
        show.say("database and receivers are there, the relays start")
        here.start_relays()
        killer = Killer(here, connection) if play.kill else None
        if not play.undisturbed:
            player.start()
        watch = Watch(here, connection, show, killer, ends=started + play.longest)
        try:
            watch.until_all_is_out(player)
        finally:
            player.stop()
        here.stop_relays()
        seconds = time.monotonic() - started
        killed = killer.killed if killer else 0
        seen = looking.seen(here, killed=killed, seconds=seconds)
        notes = ledger.read(here.folder, ledger.NOTES)
        return Played(looking.owed(here), seen, notes)


@contextlib.contextmanager
def _stopped_by_signals(supervisor: Supervisor) -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, supervisor.ask_to_stop) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
