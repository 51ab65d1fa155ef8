"""
Named places between two steps, where a fault can be set off exactly.

    point("after_claim")

does nothing, unless somebody listens. Only tests do: they kill, freeze or raise
there. Every name is in POINTS; the tests of faults go through all of them.
"""

from __future__ import annotations

from collections.abc import Callable

POINTS = (
    # an operation, in its one transaction
    "after_rows_before_events",
    "after_outbox_rows_before_commit",
    # a nudge
    "before_nudge",
    # giving positions
    "before_positions",
    "after_positions_before_commit",
    "after_positions",
    # claiming
    "before_claim",
    "after_claim",
    # one attempt
    "before_attempt",
    "after_effect_before_settle",
    "after_children_before_settle",
    "before_send",
    "after_send_before_settle",
    "after_settle_before_commit",
    "after_settle",
    # keeping the tables small
    "after_prune_before_commit",
)

Listener = Callable[[str], object]

_listener: Listener | None = None


def point(name: str) -> None:
    """Pass a place. Free while nobody listens: one comparison."""
    if _listener is not None:
        _listener(name)


def listen(listener: Listener | None) -> None:
    """Have every place told to a listener; None for nobody."""
    global _listener  # noqa: PLW0603 - the one switch
    _listener = listener
