"""
Faults at named points of this process.

FAULT_AT="after_claim:2:kill" sets one off at the second passing of a point: `kill`
(SIGKILL to itself), `stop` (SIGSTOP to itself) or `raise`. FAULT_ODDS="0.001:7" kills
at any point with that chance, drawn from that seed.
"""

from __future__ import annotations

import os
import random
import signal
import threading
from collections import Counter

from outbox import points


class Fault(Exception):
    """Raised at a point."""


def arm(at, odds):
    """Listen to the points, if the environment asks for it."""
    if at:
        points.listen(At(*at.split(":")))
    elif odds:
        chance, seed = odds.split(":")
        points.listen(Chance(float(chance), f"{seed}:{os.getpid()}"))


class At:
    """One fault, at the nth passing of a point."""

    def __init__(self, name, number="1", action="kill"):
        if name not in points.POINTS:
            raise ValueError(f"{name!r} is no point: {', '.join(points.POINTS)}")
        self._name, self._number, self._action = name, int(number), ACTIONS[action]
        self._passed = Counter()
        self._lock = threading.Lock()

    def __call__(self, name):
        with self._lock:
            self._passed[name] += 1
            due = name == self._name and self._passed[name] == self._number
        if due:
            self._action()


class Chance:
    """A death at any point, with a small chance."""

    def __init__(self, chance, seed):
        self._chance, self._random = chance, random.Random(seed)

    def __call__(self, name):
        if self._random.random() < self._chance:
            kill()


def kill():
    """End with no word to anybody."""
    os.kill(os.getpid(), signal.SIGKILL)


def stop():
    """Freeze, every thread, until somebody sends SIGCONT."""
    # Sent to this thread: sent to the process, another may take it, and this one would
    # go on for a moment, past the point.
    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


def fail():
    """Raise what nobody expects."""
    raise Fault("set off at a point")


ACTIONS = {"kill": kill, "stop": stop, "raise": fail}
