"""The claims about the rules of lending: kept, predicted, kept at once, all tried."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

import orjson

from config.proof.claims import Claim, Finding
from config.proof.machines import replay_equals_tables
from config.proof.running import Ran, environment, run, run_tests

LONGEST = 3600.0  # seconds

SCENARIOS = "tests/scenarios"
HOW_MANY = 29  # scenarios

CROWDS = "tests/faults/test_parallel.py"
ROUNDS = 100
KINDS = ("one copy", "one limit")

# What the rules are tried by; what it runs in processes of its own counts too.
TRIED_BY = (
    "tests/api",
    "tests/faults",
    "tests/library",
    "tests/machines",
    "tests/outbox/letters",
    SCENARIOS,
)
LEAST_COVERAGE = 95.0  # percent of the branches

_SCENARIO = re.compile(r"^PASSED tests/scenarios/test_(\d\d)_", re.MULTILINE)
_CROWD = re.compile(r"^\.?rounds=(\d+) of=(.+)$", re.MULTILINE)


def scenarios_hold() -> Finding:
    """Run every scenario of the page."""
    return played(run_tests(SCENARIOS, "-rp", seconds=LONGEST))


def played(ran: Ran) -> Finding:
    """Return which scenarios there were; each has at least one test that passed."""
    tests = [int(number) for number in _SCENARIO.findall(ran.text)]
    missing = sorted(set(range(1, HOW_MANY + 1)) - set(tests))
    figure = f"{len(set(tests))} of {HOW_MANY} scenarios, {len(tests)} tests"
    if missing:
        figure = f"{figure}; without {', '.join(map(str, missing))}"
    if not ran.well:
        figure = f"{figure}; {ran.last_line.strip('= ')}"
    return Finding(figure, ran.well and not missing)


def crowds_break_no_rule() -> Finding:
    """Let fifty threads want one copy, and one member everything, many times."""
    return crowded(run_tests(CROWDS, seconds=LONGEST, PARALLEL_ROUNDS=str(ROUNDS)))


def crowded(ran: Ran) -> Finding:
    """Return how often a crowd came: every time with exactly the answers it must."""
    rounds = {kind: int(count) for count, kind in _CROWD.findall(ran.text)}
    figure = ", ".join(f"{kind}: {rounds.get(kind, 0)} rounds" for kind in KINDS)
    if not ran.well:
        figure = f"{figure}; {ran.last_line.strip('= ')}"
    enough = all(rounds.get(kind, 0) >= ROUNDS for kind in KINDS)
    return Finding(figure, ran.well and enough)


def every_branch_is_tried() -> Finding:
    """Count the branches of `library/` that the tests go into."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "coverage.json")
        measure = ["--cov=library", "--cov-branch", f"--cov-report=json:{report}"]
        argv = [sys.executable, "-m", "pytest", *TRIED_BY, "-q", "-n2", *measure]
        env = environment(COVERAGE_FILE=str(Path(folder, "coverage")))
        ran = run([*argv, "-p", "no:cacheprovider"], env=env, seconds=LONGEST)
        return covered(ran, report.read_bytes() if report.exists() else b"")


def covered(ran: Ran, report: bytes) -> Finding:
    """Return how many of the branches were tried."""
    if not report:
        return Finding(ran.last_line, False)
    totals = orjson.loads(report)["totals"]
    percent = 100 * totals["covered_branches"] / totals["num_branches"]
    figure = (
        f"{totals['covered_branches']:,} of {totals['num_branches']:,} branches: "
        f"{percent:.1f} % ({ran.last_line.strip('= ')})"
    )
    return Finding(figure, ran.well and percent >= LEAST_COVERAGE)


CLAIMS = (
    Claim("every scenario of lending holds", scenarios_hold),
    Claim("a model predicts every answer and refusal", replay_equals_tables),
    Claim("a crowd gets one copy once, and nobody past a limit", crowds_break_no_rule),
    Claim("the tests go into the branches of library/", every_branch_is_tried),
)
