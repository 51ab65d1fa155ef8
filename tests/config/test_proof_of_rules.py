"""What the claims about the rules of lending make of what pytest has said."""

from __future__ import annotations

import orjson
import pytest

from config.proof import rules
from config.proof.running import Ran


def passed(*numbers):
    return [f"PASSED tests/scenarios/test_{n:02}_words.py::test_it" for n in numbers]


def test_all_scenarios_have_to_be_there():
    every = range(1, rules.HOW_MANY + 1)

    assert rules.played(Ran(True, passed(*every))).holds
    finding = rules.played(Ran(True, passed(*every[1:])))

    assert not finding.holds
    assert finding.figure.endswith("28 tests; without 1")


def test_a_scenario_that_failed_is_no_scenario():
    lines = [*passed(*range(2, 30)), "FAILED tests/scenarios/test_01_x.py::test_it"]

    finding = rules.played(Ran(False, [*lines, "== 1 failed =="]))

    assert not finding.holds
    assert "without 1; 1 failed" in finding.figure


@pytest.mark.parametrize(
    ("copy", "limit", "well", "holds"),
    [(100, 100, True, True), (99, 100, True, False), (100, 100, False, False)],
)
def test_crowds_have_to_have_come_often_enough(copy, limit, well, holds):
    lines = [f"rounds={copy} of=one copy", f".rounds={limit} of=one limit", "2 passed"]

    finding = rules.crowded(Ran(well, lines))

    assert finding.holds is holds
    assert f"one copy: {copy} rounds" in finding.figure


@pytest.mark.parametrize(("tried", "holds"), [(95, True), (94, False)])
def test_nearly_every_branch_has_to_be_tried(tried, holds):
    totals = {"covered_branches": tried, "num_branches": 100}

    finding = rules.covered(Ran(True, ["9 passed"]), orjson.dumps({"totals": totals}))

    assert finding.holds is holds
    assert f"{tried} of 100 branches" in finding.figure
    assert not rules.covered(Ran(False, ["no tests"]), b"").holds
