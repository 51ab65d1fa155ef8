"""
This checkout's own PostgreSQL, for when DATABASE_URL is not set: kept or thrown away.

A server is a child process of whoever started it, and goes with him. One starter
at a time: whoever holds the lock in the folder starts and stops the server, and a
second one is told who that is.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from config.postgresql import KEPT, THROWN_AWAY, Server, answers
from config.postgresql_programs import programs_and_user
from config.state import make_folder, make_state_folder, state_folder, write_private

URL_FILE = "database_url"


class AlreadyRunning(Exception):
    """Another process has started the server of this folder, and owns it."""


def url_of_running() -> str | None:
    """Return the URL of this checkout's server, or None while it is not running."""
    try:
        url = (state_folder() / URL_FILE).read_text()
    except OSError:
        return None
    return url if answers(url) else None


@contextlib.contextmanager
def running(folder: Path | None = None) -> Iterator[Server]:
    """Run the kept server; raise AlreadyRunning if another process does."""
    folder = folder or make_state_folder()
    with _only_starter(folder):
        server = Server(folder, *programs_and_user())
        url_file = folder / URL_FILE
        try:
            server.start()
            write_private(url_file, server.url)
            yield server
        finally:
            url_file.unlink(missing_ok=True)
            server.stop()


@contextlib.contextmanager
def throwaway(*, durable: bool) -> Iterator[Server]:
    """
    Run a server that is deleted with its data at the end.

    `durable=False` is faster and survives anything but a crash of the machine's
    or the server's; with `durable=True` a killed server recovers what it promised.
    """
    with contextlib.ExitStack() as held:
        folder = _new_folder(held)
        settings = dict(KEPT if durable else THROWN_AWAY)
        server = Server(folder, *programs_and_user(), settings)
        try:
            server.start()
            yield server
        finally:
            server.stop()
            _delete(server)


def _new_folder(held: contextlib.ExitStack) -> Path:
    """
    Return a new folder for a throw-away server, its lock held.

    One process at a time: between the making of a folder and its lock, another
    one would take it for abandoned.
    """
    parent = make_folder(make_state_folder() / "throwaway")
    with _alone_in(parent):
        _delete_abandoned(parent)
        folder = make_folder(parent / secrets.token_hex(4))
        held.enter_context(_only_starter(folder))
    return folder


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other process is in here with this folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _only_starter(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which the kernel gives back even for the killed."""
    with (folder / "starter").open("a+") as holder:
        try:
            fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(
                f"The database in {folder} is already run by process "
                f"{_read(holder) or 'unknown'}. Stop that one first, or set "
                "DATABASE_URL."
            ) from None
        holder.truncate(0)
        holder.write(str(os.getpid()))
        holder.flush()
        yield


def _read(file: IO[str]) -> str:
    file.seek(0)
    return file.read().strip()


def _delete_abandoned(parent: Path) -> None:
    """Delete what killed test runs and demos have left behind."""
    for folder in parent.iterdir():
        with contextlib.suppress(AlreadyRunning, OSError), _only_starter(folder):
            _delete(Server(folder, *programs_and_user()))


def _delete(server: Server) -> None:
    server.stop_leftover()
    shutil.rmtree(server.sockets, ignore_errors=True)
    shutil.rmtree(server.folder, ignore_errors=True)
