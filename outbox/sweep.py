"""
The promise behind the nudges: what is owed goes out with every message lost.

A thread for sequencing, one for each channel and one for each follower of the
log (projections) do all the work there is, at least every second, by
themselves. Claims skip locked rows, so they run beside the actors. One more
has the duties that come up now and then.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Collection, Mapping
from functools import partial

from django.conf import settings
from django.db import close_old_connections, connections
from django.utils.module_loading import import_string

from outbox import relay, sequencer
from outbox.channels.contract import Channel
from outbox.channels.registry import channels
from outbox.duties import Duties

logger = logging.getLogger(__name__)

LONGEST_PAUSE = 1.0
SHORTEST_PAUSE = 0.7
ALONE = 0.25  # seconds of work that one thread has before it calls another
SEQUENCE = "sequence"

# Many commits become one reading on, and what is delivered goes first: both would want
# this process's one interpreter at the same moment.
READ_ON_AFTER = 0.02


_here: list[Sweep] = []


def wake_here(owed_on: Collection[str]) -> set[str]:
    """Deliver at once on these channels; return those for which a thread waited."""
    return {name for sweep in _here for name in sweep.sequenced(owed_on, 0)}


def deliver_here(channel: str) -> None:
    """Deliver at once on a channel: more is owed on it, and no position was given."""
    for sweep in _here:
        sweep.wake({channel})


class Sweep:
    """
    The threads of one relay process.

    `helpers` call others to a channel, once each time there is more to do on it than
    its thread gets done in a moment; they return at once and never raise.
    """

    def __init__(
        self, helpers: Mapping[str, Callable[[], object]] | None = None
    ) -> None:
        self._helpers = helpers or {}
        self._stopping = threading.Event()
        self._bells: dict[str, threading.Event] = {}
        self._waiting: set[str] = set()
        self._followers: Collection[str] = settings.OUTBOX["FOLLOWERS"]
        self._threads = [
            self._thread(SEQUENCE, partial(sequencer.sequence_all, self.sequenced)),
            *(
                self._thread(name, partial(self._drain, channel))
                for name, channel in channels().items()
            ),
            *(self._thread(path, import_string(path)) for path in self._followers),
            self._thread("duties", Duties(self._stopping.is_set)),
        ]

    def start(self) -> None:
        """Start sweeping."""
        for thread in self._threads:
            thread.start()
        _here.append(self)

    def committed(self) -> None:
        """Give positions at once: something was committed in this process."""
        self._bells[SEQUENCE].set()

    def sequenced(self, owed_on: Collection[str], events: int) -> set[str]:
        """
        Deliver at once on these channels, and read on: positions were given.

        Return whose thread was waiting for work.
        """
        return self.wake({*owed_on, *self._followers})

    def wake(self, names: Collection[str]) -> set[str]:
        """Have these threads look at once; return which were waiting for work."""
        woken = self._bells.keys() & set(names)
        waiting = woken & self._waiting
        for name in woken:
            self._bells[name].set()
        return waiting

    def stop(self, seconds: float) -> bool:
        """Finish what is being attempted; tell whether all threads ended in time."""
        ends = time.monotonic() + seconds
        if self in _here:
            _here.remove(self)
        self._stopping.set()
        for bell in self._bells.values():
            bell.set()
        for thread in self._threads:
            thread.join(max(0.0, ends - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _drain(self, channel: Channel) -> None:
        """Deliver until nothing is due; for long, not alone."""
        if not relay.drain(channel, seconds=ALONE):
            return
        self._helpers.get(channel.NAME, lambda: None)()
        while not self._stopping.is_set() and relay.drain(channel):
            close_old_connections()

    def _thread(self, name: str, sweep: Callable[[], object]) -> threading.Thread:
        bell = threading.Event()
        self._bells[name] = bell
        return threading.Thread(
            target=self._run, args=(name, bell, sweep), name=f"sweep-{name}"
        )

    def _run(
        self, name: str, bell: threading.Event, sweep: Callable[[], object]
    ) -> None:
        while not self._stopping.is_set():
            bell.clear()
            try:
                close_old_connections()
                sweep()
            except Exception:  # no database for a while is a pause, not an end
                logger.exception("sweep %s failed and goes on", name)
            self._waiting.add(name)
            bell.wait(random.uniform(SHORTEST_PAUSE, LONGEST_PAUSE))  # noqa: S311
            self._waiting.discard(name)
            if name in self._followers:
                self._stopping.wait(READ_ON_AFTER)
        connections.close_all()
