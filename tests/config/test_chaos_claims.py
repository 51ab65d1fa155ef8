"""What the claims about drills make of a drill's last line."""

from __future__ import annotations

import socket

import pytest

from config.proof import chaos
from config.proof.running import Ran

DRILL = {
    "lost": 0,
    "unexpected": 0,
    "duplicated": 0,
    "delivered": 100,
    "recovered": 10,
    "wire_duplicates": 2,
    "recovery_seconds": 1.5,
    "faults": {"kill_relay": 3},
}


def test_drills_that_lost_nothing_hold():
    found = chaos.judged([DRILL, {**DRILL, "recovery_seconds": 4.0}])

    assert found.holds
    assert "200 delivered, 0 lost" in found.figure
    assert found.figure.endswith("all out after 4 s")


@pytest.mark.parametrize(
    "changed",
    [
        {"lost": 1},
        {"unexpected": 1},
        {"duplicated": 1},
        {"delivered": 0},
        {"faults": {}},
    ],
)
def test_one_drill_that_is_wrong_or_empty_is_enough(changed):
    assert chaos.judged([{**DRILL, **changed}]).holds is False


@pytest.mark.parametrize(("required", "holds"), [("", True), ("1", False)])
def test_a_broker_that_is_not_there_is_said_and_may_be_required(
    monkeypatch, required, holds
):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setitem(chaos.BROKERS, "redis", f"redis://127.0.0.1:{port}/0")
    monkeypatch.setenv("REQUIRE_BROKERS", required)

    found = chaos.survives("redis")

    assert (found.holds, found.figure) == (holds, "not there: not tried")


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (["seed 1", "it broke"], "it broke"),
        (["PROBLEM: one", "PROBLEM: two", '{"lost": 1}'], "one; two"),
    ],
)
def test_a_drill_that_fails_names_its_seed_and_its_problems(monkeypatch, lines, why):
    monkeypatch.setattr(chaos, "drill", lambda *given: Ran(False, lines))

    found = chaos.survives("postgresql")

    assert not found.holds
    assert found.figure == f"seed {chaos.SEEDS[0]}: {why}"


@pytest.mark.parametrize(
    ("line", "well", "holds"),
    [
        ('{"caught": 8, "of": 8, "missed": [], "not_green": []}', True, True),
        (
            '{"caught": 7, "of": 8, "missed": ["no_fence"], "not_green": []}',
            False,
            False,
        ),
        (
            '{"caught": 8, "of": 8, "missed": [], "not_green": ["no_sweep"]}',
            False,
            False,
        ),
        ("Traceback", False, False),
    ],
)
def test_the_oracle_holds_if_nobody_was_missed(monkeypatch, line, well, holds):
    monkeypatch.setattr(chaos, "run", lambda *args, **kwargs: Ran(well, [line]))

    assert chaos.every_safeguard_is_missed().holds == holds
