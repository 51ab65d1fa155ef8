"""
What this process counts: attempts, ambiguity, fenced outcomes, positions, nudges.

Counted where it happens, once it is committed, and kept in memory; with
PROMETHEUS_MULTIPROC_DIR set in a file of that folder for each process, so that any
of them can show the sum of all. Labels name channels and outcomes, never people.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram

if TYPE_CHECKING:  # counted from modules that are there before any model is
    from outbox.channels.contract import Channel, Outcome
    from outbox.models import Delivery

FOLDER = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
if FOLDER:  # counting is no reason not to start
    Path(FOLDER).mkdir(parents=True, exist_ok=True)

COUNTED = CollectorRegistry()
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)

ATTEMPTS = Counter(
    "outbox_attempts",
    "Attempts that ended, by what became of them.",
    ["channel", "outcome"],
    registry=COUNTED,
)
AMBIGUOUS = Counter(
    "outbox_ambiguous_attempts",
    "Attempts after which nobody here knows whether the message arrived.",
    ["channel"],
    registry=COUNTED,
)
FENCED = Counter(
    "outbox_fenced_outcomes",
    "Outcomes refused because the claim had gone to another worker.",
    ["channel"],
    registry=COUNTED,
)
ATTEMPT_SECONDS = Histogram(
    "outbox_attempt_seconds",
    "How long attempts took, the writing down of the outcome included.",
    ["channel"],
    buckets=SECONDS,
    registry=COUNTED,
)
SEQUENCED = Counter(
    "outbox_sequenced_events", "Events given a position.", registry=COUNTED
)
NUDGE_FAILURES = Counter(
    "outbox_nudge_failures",
    "Nudges that could not be sent; the sweep delivers without them.",
    registry=COUNTED,
)


def ended(channel: Channel, outcome: Outcome, seconds: float) -> None:
    """Count an attempt whose outcome is written down."""
    _attempt(channel, outcome.name, ambiguous=outcome.ambiguous)
    ATTEMPT_SECONDS.labels(channel.NAME).observe(seconds)


def fenced(channel: Channel, seconds: float) -> None:
    """Count an attempt whose outcome came when the claim was no longer ours."""
    _attempt(channel, "fenced", ambiguous=not channel.IN_TRANSACTION)
    FENCED.labels(channel.NAME).inc()
    ATTEMPT_SECONDS.labels(channel.NAME).observe(seconds)


def lost(channel: Channel, claimed: Sequence[Delivery]) -> None:
    """Count the attempts before these claims of which no outcome ever came."""
    for delivery in claimed:
        if getattr(delivery, "lost_by", ""):
            _attempt(channel, "lost", ambiguous=not channel.IN_TRANSACTION)


def _attempt(channel: Channel, outcome: str, *, ambiguous: bool) -> None:
    ATTEMPTS.labels(channel.NAME, outcome).inc()
    if ambiguous:
        AMBIGUOUS.labels(channel.NAME).inc()
