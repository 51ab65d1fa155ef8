"""
Processes with Django that each do a share of a thing at once, and go when we go.

No pool of the standard library: what interrupts us may end a worker first, and their
locks are then held for ever.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Any

from benchmarks import stage


class Crew:
    """Workers that are there, seen from the process that measures."""

    def __init__(self, pipes: Sequence[Connection]) -> None:
        self._pipes = pipes

    def each(self, work: Callable[..., Any], *shares: tuple[Any, ...]) -> list[Any]:
        """Call a function with each share, all at once; return the results."""
        busy = self._pipes[: len(shares)]
        for pipe, share in zip(busy, shares, strict=True):
            pipe.send((work, share))
        return [_result(pipe) for pipe in busy]


@contextlib.contextmanager
def crew(count: int, settings: str) -> Iterator[Crew]:
    """Have so many workers for a while."""
    spawn = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    try:
        for _ in range(count):
            ours, theirs = spawn.Pipe()
            process = spawn.Process(target=_serve, args=(theirs, settings), daemon=True)
            process.start()
            theirs.close()
            pipes.append(ours)
            processes.append(process)
        ready = Crew(pipes)
        ready.each(_be_there, *[()] * count)
        yield ready
    finally:
        for process in processes:
            process.kill()
            process.join()


def _result(pipe: Connection) -> Any:
    try:
        done, result = pipe.recv()
    except EOFError:
        raise RuntimeError("a worker ended of itself") from None
    if not done:
        raise RuntimeError(f"a worker failed:\n{result}")
    return result


# --- Inside of a worker -----------------------------------------------------------


def _serve(pipe: Connection, settings: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's: we are told otherwise
    stage.set_up(settings)
    with contextlib.suppress(EOFError):
        while True:
            work, share = pipe.recv()
            pipe.send(_done(work, share))


def _done(work: Callable[..., Any], share: tuple[Any, ...]) -> tuple[bool, Any]:
    try:
        return True, work(*share)
    except Exception:  # noqa: BLE001 - it is told who asked
        return False, traceback.format_exc()


def _be_there() -> None:
    """Be there, with a connection."""
    from django.db import connection  # noqa: PLC0415 - set up first

    connection.ensure_connection()
