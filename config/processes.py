"""
Run the processes of one machine and keep them running.

A child that dies is started again, after a wait that doubles from 0.2 s to 10 s
and is forgotten once the child has stayed up for 30 s. Children are stopped one
after the other, in the order the caller chose, each with a grace of its own
before it is killed. No child outlives this process, even if it is killed: the
kernel then passes each child its stop signal.
"""

from __future__ import annotations

import ctypes
import functools
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

FIRST_WAIT = 0.2
LONGEST_WAIT = 10.0
STEADY = 30.0

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None

Say = Callable[[str], object]


def say(line: str) -> None:
    """Write one whole line: children's lines never run into each other."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@dataclass
class Child:
    """
    One command, started in a session of its own.

    A terminal's Ctrl-C therefore reaches this process only, which then stops
    the children in order. Start it from the main thread: the kernel watches
    over the thread that started a child.

    With `log`, output goes to that file; else each line to `say`, after the name.
    """

    name: str
    argv: list[str]
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    grace: float = 10.0
    stop_signal: signal.Signals = signal.SIGTERM
    user: str | None = None
    cwd: Path | None = None
    log: Path | None = None
    say: Say = say
    process: subprocess.Popen[str] | None = field(default=None, init=False)
    started_at: float = field(default=0.0, init=False)
    wait: float = field(default=FIRST_WAIT, init=False)

    def start(self) -> None:
        """Start the command; a program that cannot be started raises OSError."""
        self.started_at = time.monotonic()
        if self.log is not None:
            with self.log.open("a") as out:
                self.process = self._open(out)
            return
        self.process = self._open(subprocess.PIPE)
        threading.Thread(
            target=self._pass_on, args=(self.process.stdout,), daemon=True
        ).start()

    def running(self) -> bool:
        """Answer whether the command is running now."""
        return self.process is not None and self.process.poll() is None

    def ended_well(self) -> bool:
        """Answer whether the command has ended with exit status 0."""
        return self.process is not None and self.process.poll() == 0

    def stop(self) -> None:
        """Ask the command to end, and after its grace end it with all it started."""
        if self.process is None:
            return
        if self.running():
            self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(self.grace)
        except subprocess.TimeoutExpired:
            self.say(f"{self.name} | did not stop within {self.grace:g} s: killed")
        self._kill_group(self.process.pid)
        self.process.wait()

    def _open(self, out: IO[str] | int) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.argv,
            env=dict(self.env),
            cwd=self.cwd,
            user=self.user,
            group=self.user,
            extra_groups=[] if self.user else None,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=functools.partial(_leave_with_parent, self.stop_signal),  # noqa: PLW1509 one system call, looked up before the fork
        )

    def _pass_on(self, lines: IO[str]) -> None:
        with lines:
            for line in lines:
                self.say(f"{self.name} | {line.rstrip()}")

    @staticmethod
    def _kill_group(pid: int) -> None:
        """Kill what is left of the child's session; usually nothing is."""
        try:
            os.killpg(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return


class Supervisor:
    """Keep children running until it is asked to stop."""

    def __init__(self, *, say: Say = say) -> None:
        self.say = say
        self.children: list[Child] = []
        self._due: dict[str, float] = {}
        self._asked = threading.Event()
        self._woken, self._waker = os.pipe()

    @property
    def asked(self) -> bool:
        """Whether it has been asked to stop."""
        return self._asked.is_set()

    def add(self, child: Child) -> None:
        """Look after a child from now on; start it unless it already runs."""
        self.children.append(child)
        if not (self.asked or child.running()):
            child.start()

    def run(self) -> None:
        """Keep all children running until `ask_to_stop`; then return."""
        while not self.asked:
            for child in self.children:
                self._look_after(child)
            self._sleep()

    def run_once(self, child: Child) -> bool:
        """Run a child to its end; answer whether it ended well and of itself."""
        child.start()
        while child.running() and not self.asked:
            self._sleep()
        child.stop()
        return not self.asked and child.ended_well()

    def ask_to_stop(self, *_: object) -> None:
        """Make `run` return soon; may be called from a signal handler or thread."""
        self._asked.set()
        os.write(self._waker, b".")

    def stop(self, children: Iterable[Child]) -> None:
        """Stop children one after the other, in the order given."""
        for child in children:
            self.say(f"{child.name} | stopping")
            child.stop()

    def _look_after(self, child: Child) -> None:
        """Start a dead child again once its wait is over."""
        now = time.monotonic()
        if child.running():
            if now - child.started_at > STEADY:
                child.wait = FIRST_WAIT
        elif child.name not in self._due:
            self.say(f"{child.name} | ended; starts again in {child.wait:g} s")
            self._due[child.name] = now + child.wait
            child.wait = min(child.wait * 2, LONGEST_WAIT)
        elif now >= self._due[child.name]:
            del self._due[child.name]
            child.start()

    def _sleep(self) -> None:
        """Wait a tenth of a second, less when asked to stop."""
        select.select([self._woken], [], [], 0.1)


def _leave_with_parent(stop_signal: signal.Signals) -> None:
    """Have the kernel send the signal when the parent ends (Linux only)."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(stop_signal), 0, 0, 0)
