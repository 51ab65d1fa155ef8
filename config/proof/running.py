"""Running a command to its end, as a person would type it, and reading its result."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from config.processes import Child
from config.state import CHECKOUT

GRACE = 40.0  # seconds; a demo stops its own children, one after the other


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended, and what it wrote."""

    well: bool
    lines: list[str]

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
    with tempfile.TemporaryDirectory() as folder:
        child = Child(
            name=argv[0],
            argv=argv,
            env=env,
            cwd=CHECKOUT,
            grace=GRACE,
            log=Path(folder, "log"),
        )
        child.start()
        try:
            ended = _waited(child, seconds)
        finally:
            child.stop()
        lines = Path(folder, "log").read_text(errors="replace").splitlines()
    if not ended:
        lines.append(f"stopped after {seconds:g} s")
    return Ran(ended and child.ended_well(), lines)


def _waited(child: Child, seconds: float) -> bool:
    give_up_at = time.monotonic() + seconds
    while child.running() and time.monotonic() < give_up_at:
        time.sleep(0.1)
    return not child.running()
