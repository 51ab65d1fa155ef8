"""
Folding the log from nothing, in memory: what the tables should be.

The log is read in batches; only the rows are held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Exists, F, Max, OuterRef, Window

from outbox import log
from outbox.apply import Rows, fold_all
from outbox.codec import DomainEvent
from outbox.folds import Fold, Row
from outbox.models import Event, Position
from projections.errors import CannotFold

BATCH = 1000

# Told, after each batch, how many events of how many are done.
Progress = Callable[[int, int], None]
Fact = tuple[UUID, DomainEvent]


def untold(done: int, total: int) -> None:
    """Tell nobody."""


@dataclass(slots=True)
class Replay:
    """What the events add up to, table by table, up to a position."""

    folds: Sequence[Fold]
    progress: Progress = untold
    position: int = 0
    events: int = 0
    tables: dict[str, Rows] = field(init=False)

    def __post_init__(self) -> None:
        self.tables = {fold.name: {} for fold in self.folds}

    def upto(self, last: int) -> Replay:
        """Fold the events up to a position, that one included."""
        for batch in _placed(last):
            self._fold(batch)
            self.position += len(batch)
            self.progress(self.position, last)
        return self

    def everything(self) -> Replay:
        """
        Fold all there is, also committed events that wait for a position.

        The caller sees to it that no position is given meanwhile.
        """
        self.upto(last_position())
        self._fold(_unplaced())
        return self

    def rows(self, fold: Fold) -> list[Row]:
        """Return the rows of a fold, without those that ended."""
        return [row for row in self.tables[fold.name].values() if row is not None]

    def _fold(self, facts: Iterable[Fact]) -> None:
        for event_id, event in facts:
            for fold in self.folds:
                try:
                    fold_all(fold, self.tables[fold.name], [event])
                except Exception as error:
                    raise CannotFold(fold.name, event_id, event, error) from error
            self.events += 1


def last_position() -> int:
    """Return the position at which the log ends, 0 for an empty one."""
    last: int | None = Position.objects.aggregate(last=Max("position"))["last"]
    return last or 0


def _placed(last: int) -> Iterator[list[Fact]]:
    """Yield the log in batches. Positions have no gaps, so they can be counted."""
    for after in range(0, last, BATCH):
        batch = log.read(after=after, limit=min(BATCH, last - after))
        yield [(recorded.id, recorded.event) for recorded in batch]


def _unplaced() -> Iterator[Fact]:
    """Yield the events that have no position yet, in the sequencer's order."""
    placed = Position.objects.filter(seq=OuterRef("seq"))
    ended_at = Window(Max("seq"), partition_by=F("xact"))
    rows = Event.objects.filter(~Exists(placed)).annotate(ended_at=ended_at)
    for row in rows.order_by("ended_at", "seq").iterator():
        yield row.id, log.decoded(row)
