"""Whether a borrow waits for a broker that is not there."""

from __future__ import annotations

from config.proof import brokers, demos
from config.proof.claims import Finding

SLOWER = 1.5  # times; more than this is not noise
ROUNDS = 2  # of each kind in turn, so that a busy minute does not hit one kind alone


def a_borrow_takes_no_longer() -> Finding:
    """Compare the median borrow at a live broker, a closed port and a black hole."""
    live, closed, mute = [], [], []
    with brokers.closed_port() as refusing, brokers.black_hole() as silent:
        for _ in range(ROUNDS):
            live.append(median(brokers.LIVE))
            closed.append(median(refusing))
            mute.append(median(silent))
    return judged(live=min(live), closed=min(closed), mute=min(mute))


def median(broker: str) -> float:
    """Return the median seconds of a borrow, with no relay taking its time."""
    (note,) = demos.scene("latency", broker=broker, undisturbed=True).notes
    return float(note["median"])


def judged(*, live: float, closed: float, mute: float) -> Finding:
    """Return the finding for these medians, in seconds."""
    ratios = closed / live, mute / live
    figure = (
        f"{ratios[0]:.2f}x at a closed port, {ratios[1]:.2f}x at a mute broker, "
        f"of {live * 1000:.1f} ms"
    )
    return Finding(figure, max(ratios) <= SLOWER)
