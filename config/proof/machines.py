"""Replay equals tables, over many random histories: the state machine, run long."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections import Counter
from collections.abc import Sequence

from config.proof.claims import Finding
from config.proof.running import Ran, environment, run_together

EXAMPLES = 2000
AT_A_TIME = 2  # processes; one would leave the second core idle
LONGEST = 5400.0  # seconds
MACHINES = ("lending", "whereabouts")  # each has to run so many

_RAN = re.compile(r"examples=(\d+) of=(\w+)")  # as tests/machines says it


def replay_equals_tables() -> Finding:
    """Run `tests/machines` with many examples."""
    if importlib.util.find_spec("pytest") is None:
        return Finding(
            "pytest is missing: `make proof` brings the development environment", False
        )
    argv = [sys.executable, "-m", "pytest", "tests/machines", "-q", "-s"]
    options = ["-p", "no:cacheprovider", "-p", "no:randomly"]
    # Named a number, the machines choose their examples anew: no half is the other.
    env = environment(MACHINE_EXAMPLES=str(EXAMPLES // AT_A_TIME))
    halves = [[*argv, *options]] * AT_A_TIME
    return finding(run_together(halves, env=env, seconds=LONGEST))


def finding(ran: Sequence[Ran]) -> Finding:
    """Return what pytest has found, in all runs together."""
    said = "; ".join(each.last_line.strip("= ") for each in ran)
    counts = Counter[str]()
    for each in ran:
        for examples, machine in _RAN.findall(each.text):
            counts[machine] += int(examples)
    count = min(counts[machine] for machine in MACHINES)
    enough = count >= EXAMPLES and all(each.well for each in ran)
    return Finding(f"{count} of {EXAMPLES} examples: {said}", enough)
