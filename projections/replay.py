"""
Folding the log from nothing, in memory: what a table, or a part of it, should be.

The log is read in slices; only the rows are held.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from outbox.apply import Rows, fold_all
from outbox.codec import DomainEvent
from outbox.folds import Fold, Row
from projections import reading
from projections.errors import CannotFold, describe
from projections.parts import WHOLE, Part
from projections.reading import Fact

SLICE = 5_000  # positions; more are sorted on the server's disk
REST = 0.05  # of the time a slice took: the house has work to do too

# Told, after each slice, how many positions of how many are done.
Progress = Callable[[int, int], None]


def untold(done: int, total: int) -> None:
    """Tell nobody."""


@contextmanager
def no_collecting_of_garbage() -> Iterator[None]:
    """Let it lie: a million rows that are none would be looked through every time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@dataclass(slots=True)
class Replay:
    """What the events add up to, in one part of one table."""

    fold: Fold
    part: Part = WHOLE
    progress: Progress = untold
    events: int = 0
    table: Rows = field(default_factory=dict)

    def upto(self, last: int) -> Replay:
        """
        Fold the events up to a position, that one included.

        Raises CannotFold for an event that the fold cannot take.
        """
        for after in range(0, last, SLICE):
            began = time.monotonic()
            upto = min(last, after + SLICE)
            self._fold(reading.placed(self.fold, self.part, after=after, upto=upto))
            self.progress(upto, last)
            time.sleep((time.monotonic() - began) * REST)
        return self

    def and_unplaced(self) -> Replay:
        """Fold also the committed events that wait for a position."""
        self._fold(reading.unplaced(self.fold, self.part))
        return self

    def rows(self) -> list[Row]:
        """Return the rows, without those that ended."""
        return [row for row in self.table.values() if row is not None]

    def _fold(self, facts: Sequence[Fact]) -> None:
        before = self.events
        try:
            fold_all(self.fold, self.table, self._events(facts), self.part.holds)
        except Exception as error:
            culprit = facts[self.events - before]
            raise CannotFold(
                self.fold.name, culprit.type, str(culprit.id), describe(error)
            ) from error

    def _events(self, facts: Iterable[Fact]) -> Iterator[DomainEvent]:
        for fact in facts:
            yield fact.event()
            self.events += 1  # once it is folded
