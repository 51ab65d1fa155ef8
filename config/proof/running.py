"""Running commands to their end, as a person would type them, and what they wrote."""

from __future__ import annotations

import importlib.util
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from config import machine
from config.processes import Child
from config.state import CHECKOUT

GRACE = 40.0  # seconds; a demo stops its own children, one after the other


def environment(**values: str) -> dict[str, str]:
    """Return ours for a process that brings a server, and counts, of its own."""
    env = machine.environment(**values)
    for name in ("DATABASE_URL", "PROMETHEUS_MULTIPROC_DIR"):
        env.pop(name, None)
    return env


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended, and what it wrote."""

    well: bool
    lines: list[str]

    @property
    def text(self) -> str:
        """All it wrote."""
        return "\n".join(self.lines)

    @property
    def last_line(self) -> str:
        """The last line that says something."""
        return next((line for line in reversed(self.lines) if line.strip()), "")

    @property
    def last_json(self) -> str:
        """The last line that looks like a JSON object."""
        return next((line for line in reversed(self.lines) if line[:1] == "{"), "")


def run(argv: list[str], *, env: dict[str, str], seconds: float) -> Ran:
    """Run a command; one that takes too long is stopped, and has not ended well."""
    (ran,) = run_together([argv], env=env, seconds=seconds)
    return ran


def run_tests(*tests: str, seconds: float, **values: str) -> Ran:
    """Run tests that print what they have found, with these values to their size."""
    if importlib.util.find_spec("pytest") is None:
        return Ran(
            False,
            ["pytest is missing: `make proof` brings the development environment"],
        )
    options = ["-q", "-s", "-n0", "-p", "no:cacheprovider", "-p", "no:randomly"]
    limit = ["-o", f"timeout={seconds:.0f}"]
    argv = [sys.executable, "-m", "pytest", *options, *limit, *tests]
    return run(argv, env=environment(**values), seconds=seconds)


def run_together(
    commands: Sequence[list[str]], *, env: dict[str, str], seconds: float
) -> list[Ran]:
    """Run several commands at a time; how each ended is said in their order."""
    with tempfile.TemporaryDirectory() as folder:
        children = [
            Child(
                name=f"{number}",
                argv=argv,
                env=env,
                cwd=CHECKOUT,
                grace=GRACE,
                # SIGTERM would end pytest without what its fixtures clean up.
                stop_signal=signal.SIGINT,
                log=Path(folder, f"{number}.log"),
            )
            for number, argv in enumerate(commands)
        ]
        try:
            for child in children:
                child.start()
            ended = _waited(children, seconds)
        finally:
            for child in children:
                child.stop()
        return [_ran(child, None if ended else seconds) for child in children]


def _waited(children: Sequence[Child], seconds: float) -> bool:
    give_up_at = time.monotonic() + seconds
    while _any_runs(children) and time.monotonic() < give_up_at:
        time.sleep(0.1)
    return not _any_runs(children)


def _any_runs(children: Sequence[Child]) -> bool:
    return any(child.running() for child in children)


def _ran(child: Child, stopped_after: float | None) -> Ran:
    lines = child.log.read_text(errors="replace").splitlines() if child.log else []
    if stopped_after is not None and not child.ended_well():
        lines.append(f"stopped after {stopped_after:g} s")
    return Ran(child.ended_well(), lines)
