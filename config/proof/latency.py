"""Whether a borrow waits for a broker that is not there."""

from __future__ import annotations

from dataclasses import dataclass

from config.proof import brokers, demos
from config.proof.claims import Finding

SLOWER = 1.5  # times; more than this is not noise
ROUNDS = 2  # of each kind in turn, so that a busy minute does not hit one kind alone

# Seconds, for the slowest borrow: a single one that waits for a broker waits for
# one second, which no median shows.
LATER = 0.5  # than the slowest at a live broker, or
LATE = 0.75  # in all


@dataclass(frozen=True, slots=True)
class Times:
    """How long borrows took, in seconds."""

    median: float
    slowest: float

    def __str__(self) -> str:
        return f"{self.median * 1000:.1f} ms (slowest {self.slowest * 1000:.0f} ms)"


def a_borrow_takes_no_longer() -> Finding:
    """Compare borrows at a live broker, a closed port and a black hole."""
    live, closed, mute = [], [], []
    with brokers.closed_port() as refusing, brokers.black_hole() as silent:
        for _ in range(ROUNDS):
            live.append(timed(brokers.LIVE))
            closed.append(timed(refusing))
            mute.append(timed(silent))
    return judged(live=together(live), closed=together(closed), mute=together(mute))


def timed(broker: str) -> Times:
    """Return the times of borrows, with no relay taking its part of the machine."""
    (note,) = demos.scene("latency", broker=broker, undisturbed=True).notes
    return Times(float(note["median"]), float(note["slowest"]))


def together(rounds: list[Times]) -> Times:
    """Return the median of the calmest round, and the slowest borrow of all."""
    return Times(
        min(times.median for times in rounds), max(times.slowest for times in rounds)
    )


def judged(*, live: Times, closed: Times, mute: Times) -> Finding:
    """Return the finding for these times."""
    figure = f"{closed} at a closed port, {mute} at a mute broker, {live} at a live one"
    return Finding(figure, not any(longer(each, live) for each in (closed, mute)))


def longer(times: Times, live: Times) -> bool:
    """Tell whether borrows took longer than at a live broker, be it a single one."""
    if times.median > SLOWER * live.median:
        return True
    return times.slowest >= max(live.slowest + LATER, LATE)
