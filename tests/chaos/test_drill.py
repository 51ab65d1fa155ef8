"""A drill, tiny but whole. It says what happened, and never how fast."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from config.state import CHECKOUT
from tests.chaos.judge import RECOVERS_WITHIN
from tests.chaos.oracle import Played, read, verdict

KEYS = [
    *("attempted", "acknowledged", "delivered", "lost", "unexpected", "duplicated"),
    *("recovered", "wire_duplicates", "ambiguous", "recovery_seconds", "events"),
    *("faults", "broker", "seed", "duration"),
]


def chaos(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "tests.chaos", *arguments],
        cwd=CHECKOUT,
        env=os.environ | {"DATABASE_URL": "postgresql://nowhere.invalid/x"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.timeout(400)  # on a slow machine most of it is processes that start
def test_a_drill_loses_nothing_and_says_so_in_its_last_line():
    ran = chaos("--duration", "5", "--seed", "3", "--rate", "30")

    figures = json.loads(ran.stdout.splitlines()[-1])
    problems = [line for line in ran.stderr.splitlines() if "PROBLEM" in line]
    late = figures["recovery_seconds"] > RECOVERS_WITHIN
    assert list(figures) == KEYS
    assert (len(problems), ran.returncode) == (late, int(late)), ran.stderr
    assert figures["lost"] == figures["unexpected"] == figures["duplicated"] == 0
    assert figures["attempted"] == figures["acknowledged"] > 0
    assert figures["events"] == figures["acknowledged"] + 1  # the first member
    assert figures["wire_duplicates"] <= figures["ambiguous"]
    assert sum(figures["faults"].values()) == 2
    assert (figures["seed"], figures["broker"]) == ("3", "postgresql")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--duration", "4.9"),
        ("--duration", "86401"),
        ("--duration", "nan"),
        ("--duration", "a while"),
        ("--broker", "pigeons"),
    ],
)
def test_what_makes_no_drill_is_refused(arguments):
    ran = chaos(*arguments)

    assert ran.returncode == 2
    assert arguments[0] in ran.stderr


def test_an_oracle_tells_the_missed_from_the_noticed():
    names = ["a", "b", "c", "d"]
    healthy = Played({"a": "", "b": "", "c": "AssertionError: no", "d": ""})
    sabotaged = Played(
        {"a": "assert 1 == 2", "b": "", "c": "AssertionError", "d": "OSError: disk"}
    )

    assert verdict(names, healthy, sabotaged) == {
        "caught": 2,
        "of": 4,
        "missed": ["b", "d"],
        "not_green": ["c"],
    }


def test_an_oracle_reads_how_each_test_ended(tmp_path):
    results = tmp_path / "results.xml"
    results.write_text(
        "<testsuites><testsuite>"
        '<testcase name="test_it[held]"/>'
        '<testcase name="test_it[fell]"><failure message="assert 0"/></testcase>'
        '<testcase name="test_it[broke]"><error message="OSError"/></testcase>'
        '<testcase name="test_it[left]"><skipped/></testcase>'
        "</testsuite></testsuites>"
    )

    assert read(results).ended == {
        "held": "",
        "fell": "assert 0",
        "broke": "OSError",
        "left": "skipped",
    }
