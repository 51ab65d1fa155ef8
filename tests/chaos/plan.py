"""
Which faults come when: pure, and the same for the same seed.

Times are those of a clock that stands still while nobody is at work: on a slow machine
the same faults meet the same work. What lasts, lasts in real time.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

# How often a kind is drawn, beside the others.
EVERYWHERE = {
    "kill_relay": 3,
    "freeze_relay": 2,
    "roll_relay": 2,
    "die_at_point": 4,
    "freeze_at_point": 2,
    "terminate_sessions": 4,
    "restart_postgresql": 1,
    "idle_transaction": 1,
    "kill_driver": 2,
    "driver_dies_at_point": 2,
    "world_down": 1,
}
OF_BROKER = {
    "postgresql": {"broker_forgets": 1, "broker_doubles": 1, "broker_cut": 1},
    "amqp": {"broker_refuses": 1, "broker_mute": 1, "broker_cut": 1},
    "redis": {"broker_refuses": 1, "broker_mute": 1, "broker_cut": 1},
}
# Seconds from and to which a kind lasts; the others are over at once.
LASTING = {
    "freeze_relay": (3.5, 5.0),  # past the lease of 3 s
    "freeze_at_point": (6.0, 9.0),
    "die_at_point": (3.0, 6.0),  # whoever has not come to the point is let off
    "driver_dies_at_point": (3.0, 6.0),
    "idle_transaction": (2.0, 6.0),
    "world_down": (0.5, 2.0),
    "broker_refuses": (1.0, 5.0),
    "broker_mute": (1.0, 5.0),
}
QUIET = 1.0  # seconds at the beginning
ENDS_AT = 0.8  # of the whole duration: then everything has to come out
EVERY = 1.5  # seconds on the average


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One fault: when, what, for how long, and a number that chooses its victim."""

    at: float
    kind: str
    seconds: float
    pick: int

    @property
    def ends(self) -> float:
        """When it is over."""
        return self.at + self.seconds


def schedule(seed: str, duration: float, broker: str) -> list[Fault]:
    """Return all faults of a run, in order; the last ends at ENDS_AT or before."""
    drawn = random.Random(seed)
    last = duration * ENDS_AT
    count = max(1, int((last - QUIET) / EVERY))
    kinds = _kinds(drawn, EVERYWHERE | OF_BROKER[broker])
    return sorted(_fault(drawn, next(kinds), last) for _ in range(count))


def _kinds(drawn: random.Random, weights: dict[str, int]) -> Iterator[str]:
    """Yield kinds for ever: each once, then so often as it weighs, in any order."""
    while True:
        once = [*weights]
        drawn.shuffle(once)
        yield from once
        again = [kind for kind, weight in weights.items() for _ in range(weight - 1)]
        drawn.shuffle(again)
        yield from again


def _fault(drawn: random.Random, kind: str, last: float) -> Fault:
    seconds = drawn.uniform(*LASTING.get(kind, (0.0, 0.0)))
    seconds = min(seconds, max(0.0, last - QUIET))
    at = drawn.uniform(min(QUIET, last - seconds), last - seconds)
    return Fault(round(at, 3), kind, round(seconds, 3), drawn.randrange(1_000_000))
