"""
Folding the log from nothing, in memory: what a table, or a part of it, should be.

The log is read in slices; only the rows are held.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from outbox.apply import Rows, fold_all
from outbox.folds import Fold, Row
from projections import reading
from projections.errors import CannotFold, describe
from projections.parts import WHOLE, Part
from projections.reading import Fact

SLICE = 20_000  # positions; one snapshot of the database is held no longer than this
REST = 0.05  # of the time a slice took: the house has work to do too

# Told, after each slice, how many positions of how many are done.
Progress = Callable[[int, int], None]


def untold(done: int, total: int) -> None:
    """Tell nobody."""


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
        with _no_collecting_of_garbage():
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

    def _fold(self, facts: Iterable[Fact]) -> None:
        holds = self.part.holds
        for fact in facts:
            try:
                fold_all(self.fold, self.table, [fact.event()], holds)
            except Exception as error:
                raise CannotFold(
                    self.fold.name, fact.type, str(fact.id), describe(error)
                ) from error
            self.events += 1


@contextmanager
def _no_collecting_of_garbage() -> Iterator[None]:
    # A million rows, none of them garbage, would be looked through again and again.
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
