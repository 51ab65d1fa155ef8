"""
The processes that fold a table's parts beside each other.

Each has connections of its own, works at a low priority, and ends with the process that
started it, even when that is killed.

Imports no models: this module is read before Django is set up.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from typing import Any, TypeVar

import django
from django.db import connection, connections

from projections.parts import WHOLE, Part

T = TypeVar("T")
Progress = Callable[[int, int], None]

LOOK_EVERY = 0.2  # seconds
WORTH_PROCESSES = 50_000  # events; below, starting processes takes longer than folding
MOST_PROCESSES = 4
NICENESS = 10

_done: Any = []  # positions done, part by part; shared between the processes


def worth_it(events: int) -> int:
    """Return in how many processes to fold a log of so many events."""
    if events < WORTH_PROCESSES:
        return 1
    return min(os.cpu_count() or 1, MOST_PROCESSES)


class Workers:
    """
    So many processes, for as long as the block lasts; one is this one itself.

        with Workers(2) as workers:
            workers.in_parts(task, given, progress=progress)
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._done: Any = []
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Workers:
        if self._count > 1:
            context = _context()
            self._done = context.Array("q", 2 * self._count, lock=False)
            database = dict(connection.settings_dict)
            given = (database, os.environ.copy(), self._done, NICENESS)
            self._pool = ProcessPoolExecutor(self._count, context, _set_up, given)
            self._pool.submit(int)  # before anybody has a connection to inherit
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)

    @property
    def alone(self) -> bool:
        """Whether there is nobody but this process, on its own connection."""
        return self._pool is None

    def in_parts(
        self, task: Callable[..., T], *given: Any, progress: Progress
    ) -> list[T]:
        """
        Return `task(part, *given, progress)` for each of so many parts of a table.

        Raises what the first task that fails raises.
        """
        if self._pool is None:
            return [task(WHOLE, *given, progress)]
        self._done[:] = [0] * len(self._done)
        parts = [Part(number, self._count) for number in range(self._count)]
        futures = [self._pool.submit(_perform, task, part, given) for part in parts]
        self._watch(futures, progress)
        return [future.result() for future in futures]

    def _watch(self, futures: Sequence[Future[Any]], progress: Progress) -> None:
        waiting = set(futures)
        while waiting:
            _, waiting = wait(waiting, LOOK_EVERY)
            if total := max(self._done[1::2]):
                progress(sum(self._done[::2]) // len(futures), total)


HERE = Workers(1)


def _context() -> Any:
    """Return how processes are started."""
    # A fork is there at once, another interpreter takes a second to be set up. But of
    # other threads a fork would inherit locks that nobody gives back.
    if threading.active_count() > 1:
        return multiprocessing.get_context("spawn")
    connections.close_all()
    return multiprocessing.get_context("fork")


def _perform(task: Callable[..., T], part: Part, given: Sequence[Any]) -> T:
    def tell(done: int, total: int) -> None:
        _done[2 * part.number : 2 * part.number + 2] = [done, total]

    try:
        return task(part, *given, tell)
    finally:
        connection.close()


def _set_up(
    database: Mapping[str, Any],
    environment: Mapping[str, str],
    done: Any,
    niceness: int,
) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.nice(max(0, niceness - os.nice(0)))
    os.environ.update(environment)
    django.setup()
    connection.settings_dict.update(database)
    globals()["_done"] = done


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
