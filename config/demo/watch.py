"""Watching a play: progress, a relay that is killed, and the end."""

from __future__ import annotations

import threading
import time
from typing import Any

import psycopg

from config.demo import questions
from config.demo.errors import DemoFailed, Interrupted
from config.demo.killing import Killer
from config.demo.progress import Show
from config.demo.stage import Stage
from config.processes import Child

PATIENCE = 120.0  # seconds without any progress: something is stuck
TICK = 0.05
COUNTED_EVERY = 0.5


class Watch:
    """
    Sees to it that a play comes to its end, or says why it does not.

    It watches in a thread of its own, while the main one keeps the relays
    running: the kernel watches over the thread that has started a child.
    """

    def __init__(
        self,
        stage: Stage,
        connection: psycopg.Connection[Any],
        show: Show,
        killer: Killer | None,
        *,
        ends: float,
    ) -> None:
        self._stage = stage
        self._connection = connection
        self._show = show
        self._killer = killer
        self._ends = ends
        self._now = questions.progress(connection)
        self._moved_at = time.monotonic()
        self._over = False
        self._error: Exception | None = None

    def until_all_is_out(self, player: Child) -> None:
        """Return when the play is over and nothing is owed any more."""
        thread = threading.Thread(target=self._watch, args=(player,))
        thread.start()
        self._stage.supervisor.run()
        thread.join()
        if self._error is not None:
            raise self._error
        if not self._over:
            raise Interrupted

    def _watch(self, player: Child) -> None:
        try:
            while not (self._over or self._stage.supervisor.asked):
                self._look(player)
        except psycopg.Error as error:
            self._error = DemoFailed(f"The database went away: {error}")
        except Exception as error:  # noqa: BLE001 - raised in the main thread
            self._error = error
        finally:
            self._stage.supervisor.ask_to_stop()

    def _look(self, player: Child) -> None:
        """Look once, which takes as long as a count is good for."""
        self._look_after_the_killer()
        ended = not player.running()  # asked first: what it did last is counted
        self._count()
        if ended and not player.ended_well():
            raise DemoFailed(f"{player.name} failed; see above")
        if ended and self._now.all_out:
            self._over = True
        elif time.monotonic() > min(self._ends, self._moved_at + PATIENCE):
            raise DemoFailed("\n".join([self._stuck(), *self._stage.last_words()]))

    def _count(self) -> None:
        now = questions.progress(self._connection)
        if now != self._now:
            self._now, self._moved_at = now, time.monotonic()
        self._show.advance(now)

    def _look_after_the_killer(self) -> None:
        ends = time.monotonic() + COUNTED_EVERY
        while time.monotonic() < ends:
            if self._killer:
                self._killer.look()
            time.sleep(TICK)

    def _stuck(self) -> str:
        still = time.monotonic() - self._moved_at
        owed = questions.pending(self._connection) or ["nothing is pending"]
        return "\n  ".join(
            [f"Gave up; for {still:.0f} s nothing has moved. Still owed:", *owed]
        )
