"""
The front: where, of all deliveries, those that are due begin.

A settled row leaves the index of what is due at once, but its entry there stays
until vacuum may take it away, and one transaction left open anywhere in the database
forbids that. Claims that always looked from the beginning would wade through ever
more of the dead. So a process remembers how far it has come, place by place, and
looks everywhere only for a small part of its time: as often as once for every claim
while that costs nothing, seldom when it costs much.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

MARGIN = timedelta(seconds=2)  # what was written earlier may be committed later
PART = 20  # one part in so many of the time goes into looking everywhere
LIVELY = 60.0  # seconds without any claim
CHEAP = 0.1  # seconds; a look that takes no more is free to those who found nothing

Place = tuple[str, int]
"""A destination, and 0 for what is fresh or 1 for what was tried before."""


@dataclass
class Front:
    """How far one process has come on one channel; shared by its threads."""

    _marks: dict[Place, datetime] = field(default_factory=dict)
    _moved: dict[str, float] = field(default_factory=dict)
    _look_at: float = 0.0
    _took: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def known(self) -> dict[Place, datetime] | None:
        """Return where to begin in each known place; None: look everywhere now."""
        with self._lock:
            if not self._marks or time.monotonic() >= self._look_at:
                return None
            return dict(self._marks)

    def looked_everywhere(self, seconds: float) -> None:
        """
        Note what a look took: the next one is due when it is a small part.

        Places that had nothing for a while are forgotten: where there are
        thousands, asking each of them would cost more than a look.
        """
        now = time.monotonic()
        with self._lock:
            self._took = seconds
            self._look_at = now + PART * seconds
            for destination, moved in list(self._moved.items()):
                if now - moved > LIVELY:
                    del self._moved[destination]
                    del self._marks[destination, 0], self._marks[destination, 1]

    def may_look(self) -> bool:
        """Tell whether to look everywhere after all: nothing was where it is known."""
        return self._took < CHEAP

    def move(
        self,
        place: Place,
        due: Sequence[datetime],
        *,
        full: bool,
        ordered: bool,
        now: datetime,
    ) -> None:
        """
        Note what was claimed in a place at a moment: when each had been due.

        A batch that was not full has left little behind: whatever becomes due in
        that place from now on is due later than now. In lanes the next is waiting:
        it was due at the same time as one of the claimed, or later. What does lie
        behind, such as a lane whose head has waited for a retry, is found by a look,
        and takes the mark back.
        """
        mark = (max(due) if full else now) - MARGIN
        if ordered:
            mark = min(due) - MARGIN
        destination, retried = place
        with self._lock:
            self._moved[destination] = time.monotonic()
            self._marks[place] = mark  # back, too, if a look has found what lay behind
            self._marks.setdefault((destination, 1 - retried), now - MARGIN)


_fronts: dict[str, Front] = {}


def front(channel: str) -> Front:
    """Return this process's front on a channel."""
    return _fronts.setdefault(channel, Front())


def forget() -> None:
    """Know nothing any more: another database, or a restored one."""
    _fronts.clear()
