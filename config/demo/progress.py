"""How a demo shows that it goes on: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.progress import TimeElapsedColumn as Elapsed

from config.demo import questions

EVERY = 5.0  # seconds between plain lines


class Show:
    """Shows progress on the standard error; standard output is for the result."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._next_line = 0.0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            Elapsed(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._delivered = self._bar.add_task("delivered", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def say(self, line: str) -> None:
        """Say one line."""
        self._console.print(line, markup=False, soft_wrap=True)

    def advance(self, now: questions.Progress) -> None:
        """Show how far things have come."""
        done = now.owed - now.pending
        self._bar.update(self._delivered, completed=done, total=now.owed)
        if self._bar.disable and time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + EVERY
            self.say(f"{now.events} events, {done} of {now.owed} delivered")
