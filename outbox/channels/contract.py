"""
What a channel is: a module with `routes` and `deliver`, and how it is tried.

The relay owns claiming, settling and retrying; a channel only knows how to
make one delivery happen and what an answer means.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from outbox.models import Delivery
from outbox.schedule import Schedule


@dataclass(frozen=True, slots=True)
class RouteTo:
    """A destination that wants an event type; `ordered` keeps streams in order."""

    destination: str
    event_type: str
    ordered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """
    What became of an attempt.

    `final` ends a failed delivery at once; `charged=False` is for failures of
    our own, which cost the delivery no attempt. `retry_after` is in seconds.
    `ambiguous`: nobody here knows whether the other side has the message.
    `silent`: the destination did not answer at all, so that what else is owed to
    it had better wait.
    """

    delivered: bool
    name: str = "delivered"
    final: bool = False
    charged: bool = True
    ambiguous: bool = False
    silent: bool = False
    http_status: int | None = None
    answer: str = ""
    retry_after: float | None = None


DELIVERED = Outcome(delivered=True)


class Channel(Protocol):
    """
    How one kind of destination is reached.

    IN_TRANSACTION channels write to our own database: their effect commits
    with the outcome. The others reach over a network with no transaction open.
    """

    NAME: str
    DEADLINE: float
    """Seconds an attempt may take."""
    RETRIES: Schedule
    IN_TRANSACTION: bool
    BATCH: int
    """Deliveries claimed at a time; all of a batch are for one destination."""
    PER_DESTINATION: int
    """Claims that may be held on one destination, by all relays together; two
    relays that claim at the same moment may both take what is left of it."""

    WORKERS: int
    """Workers that may hold claims on one destination at a time: one that never
    answers costs so many of them and no more. As exact as PER_DESTINATION."""

    GUARDED: bool
    """Whether its destinations fail one by one: then each has its own breaker, and
    limits (see `health.py`)."""

    def routes(self) -> Iterable[RouteTo]:
        """Return every destination there is, for the table of routes."""

    def deliver(self, delivery: Delivery, ends: float) -> Outcome:
        """
        Make one attempt; nothing may leave after `ends`, by `time.monotonic`.

        May raise; that is a failed attempt.
        """


FRESH = 0.25
"""Seconds for which an attempt may believe what was looked up ahead of it, where that
may change: as long as attempts are quick, a batch asks once."""


@runtime_checkable
class LooksAhead(Protocol):
    """A channel that asks for all of a batch at once what its attempts need to know."""

    def look_ahead(self, batch: Sequence[Delivery]) -> None:
        """Keep what was found with the deliveries of a batch; it may raise."""


@runtime_checkable
class AllAtOnce(Protocol):
    """
    An IN_TRANSACTION channel that can deliver a batch in one transaction.

    It is for one whose effects are our own statements: locks that a stranger's code
    takes would be held until all others of the batch are done.
    """

    def deliver_all(self, batch: Sequence[Delivery], ends: float) -> Outcome | None:
        """
        Deliver all of a batch, and return what became of each.

        Where it raises or returns None nothing was done, and they go one by one.
        """
