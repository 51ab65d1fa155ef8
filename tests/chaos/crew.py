"""
The processes of a drill, each started again soon after it has ended.

Unlike the supervisor of a real machine this one never waits longer each time: what is
killed every second is started again every second.
"""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from config.processes import Child

AGAIN_AFTER = 0.2  # seconds
READY = ": ready"


class Member:
    """A child, and what its next life begins with."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.armed = False
        self.frozen = False
        self.ready = False
        """Whether it has said so in this life."""
        self._calm = dict(child.env)
        self._next: dict[str, str] = {}
        self._not_before = 0.0

    def send(self, number: int) -> None:
        """Send a signal, if it is there at all."""
        if self.child.process is not None:
            with suppress(ProcessLookupError):
                self.child.process.send_signal(number)

    def listen(self, log: Path) -> None:
        """Write what it says into a log, and hear it say that it is ready."""

        def hear(line: str) -> None:
            self.ready = self.ready or line.endswith(READY)
            with log.open("a") as said:
                said.write(line + "\n")

        self.child.log, self.child.say = None, hear

    def at_work(self) -> bool:
        """Tell whether it does what it is there for."""
        return self.ready and not self.frozen and self.child.running()

    def kill(self, *, away: float = 0.0) -> None:
        """End it with no warning; it stays away for so many seconds at least."""
        self.send(signal.SIGKILL)
        if self.child.process is not None:
            self.child.process.wait()
        self._not_before = time.monotonic() + max(away, AGAIN_AFTER)

    def freeze(self) -> None:
        """Stop it where it stands."""
        self.frozen = True
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.frozen = False
        self.send(signal.SIGCONT)

    def stands_still(self) -> bool:
        """Tell whether it is stopped, by whomever."""
        process = self.child.process
        try:
            stat = Path(f"/proc/{process.pid}/stat").read_text() if process else ""
        except OSError:
            return False
        return stat.rpartition(")")[2].split()[:1] == ["T"]

    def next_life(self, **env: str) -> None:
        """Give its next life, and only that one, something to remember."""
        self._next = env

    def disarm(self) -> None:
        """Let it, and its next life, be like all others."""
        self._next = {}
        if self.armed:
            self.kill()

    def look_after(self) -> None:
        """Start it again if it has ended."""
        if self.child.running():
            return
        now = time.monotonic()
        if self._not_before == 0.0:
            self._not_before = now + AGAIN_AFTER
        if now >= self._not_before:
            self._not_before = 0.0
            self.child.env = self._calm | self._next
            self.armed, self.frozen = bool(self._next), False
            self._next = {}
            self.ready = False
            self.child.start()

    def stop(self) -> None:
        """Stop it in order."""
        self.thaw()
        self.child.stop()


class Crew:
    """All of them."""

    def __init__(self, **children: Any) -> None:
        self.relays = [Member(child) for child in children["relays"]]
        self.driver = Member(children["driver"])
        self.world = Member(children["world"])
        self.database = Member(children["database"])
        self._kept = [self.database, self.world, *self.relays, self.driver]

    def at_work(self) -> bool:
        """Tell whether commands are given, and a relay is there to deliver."""
        return self.driver.at_work() and any(each.at_work() for each in self.relays)

    def look_after(self) -> None:
        """Start again who has ended."""
        for member in self._kept:
            member.look_after()

    def dismiss(self, member: Member) -> None:
        """Stop somebody for good."""
        if member in self._kept:
            self._kept.remove(member)
        member.stop()
