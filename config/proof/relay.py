"""The claims about the relay: whatever dies or fails, nothing is lost or done twice."""

from __future__ import annotations

import importlib.util
import re
import secrets
import sys
from collections.abc import Sequence

from config.proof.claims import Claim, Finding
from config.proof.running import Ran, environment, run_together
from outbox.points import POINTS

ROUNDS = 100  # deaths at each point
AT_A_TIME = 2  # processes; one would leave the second core idle
LONGEST = 1800.0  # seconds

TESTS = "tests/faults/test_points.py"
TEST = "test_a_death_at_any_point_loses_nothing_and_doubles_no_effect"

_DEATHS = re.compile(r"(\w+): (\d+) deaths")  # as the test says it


def deaths_lose_nothing() -> Finding:
    """Run the test of the points for long, a part of them in each process."""
    if importlib.util.find_spec("pytest") is None:
        return Finding(
            "pytest is missing: `make proof` brings the development environment", False
        )
    seed = secrets.token_hex(4)
    env = environment(POINT_ROUNDS=str(ROUNDS), POINT_SEED=seed)
    parts = [_command(POINTS[start::AT_A_TIME]) for start in range(AT_A_TIME)]
    return finding(run_together(parts, env=env, seconds=LONGEST), seed)


def finding(ran: Sequence[Ran], seed: str) -> Finding:
    """Return what pytest has found: every point has to have been died at."""
    said = "; ".join(each.last_line.strip("= ") for each in ran)
    deaths = {
        name: int(count) for each in ran for name, count in _DEATHS.findall(each.text)
    }
    enough = all(deaths.get(name, 0) >= ROUNDS for name in POINTS)
    figure = f"{sum(deaths.values())} deaths at {len(deaths)} of {len(POINTS)} points"
    well = all(each.well for each in ran)
    return Finding(f"{figure}, seed {seed}: {said}", enough and well)


def _command(points: Sequence[str]) -> list[str]:
    tests = [f"{TESTS}::{TEST}[{name}]" for name in points]
    options = ["-p", "no:cacheprovider", "-p", "no:randomly"]
    argv = [sys.executable, "-m", "pytest", "-q", "-s", *options]
    return [*argv, "-o", f"timeout={LONGEST:.0f}", *tests]


RELAY = (Claim("a death at any point loses nothing", deaths_lose_nothing),)
