"""Showing how far a long command has come: a bar, plain lines, or nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar
from rich.text import Text

Progress = Callable[[int, int], None]

EVERY = 5.0  # seconds between two plain lines


@contextmanager
def shown(name: str, stream: TextIO, unit: str = "events") -> Iterator[Progress]:
    """Show a bar on a terminal, and a line now and then elsewhere."""
    if not stream.isatty():
        yield _Lines(name, stream, unit)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        _Rate(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(file=stream), transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Show events per second."""
        return Text(f"{task.speed or 0:,.0f}/s")


class _Lines:
    def __init__(self, name: str, stream: TextIO, unit: str) -> None:
        self._name, self._stream, self._unit = name, stream, unit
        self._began = time.monotonic()
        self._next_at = self._began + EVERY

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now < self._next_at:
            return
        self._next_at = now + EVERY
        rate = done / max(now - self._began, 0.001)
        left = (total - done) / rate if rate else 0
        self._stream.write(
            f"{self._name}: {done:,} of {total:,} {self._unit}, {rate:,.0f}/s, "
            f"{left:,.0f} s left\n"
        )
