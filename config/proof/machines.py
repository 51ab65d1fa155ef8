"""Replay equals tables, over many random histories: the state machine, run long."""

from __future__ import annotations

import importlib.util
import sys

from config import machine
from config.proof.claims import Finding
from config.proof.running import Ran, run

EXAMPLES = 2000
LONGEST = 900.0  # seconds


def replay_equals_tables() -> Finding:
    """Run `tests/machines` with many examples."""
    if importlib.util.find_spec("pytest") is None:
        return Finding(
            "pytest is missing: `make proof` brings the development environment", False
        )
    argv = [sys.executable, "-m", "pytest", "tests/machines", "-q"]
    options = ["-p", "no:cacheprovider", f"--timeout={LONGEST:.0f}"]
    env = machine.environment(MACHINE_EXAMPLES=str(EXAMPLES))
    return finding(run([*argv, *options], env=env, seconds=LONGEST))


def finding(ran: Ran) -> Finding:
    """Return what pytest has found."""
    figure = f"{EXAMPLES} examples: {ran.last_line.strip('= ')}"
    return Finding(figure, ran.well)
