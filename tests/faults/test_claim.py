"""What `make proof WHAT=relay` makes of the long form of the points."""

from __future__ import annotations

import pytest

from config.proof import relay
from config.proof.running import Ran
from outbox.points import POINTS

HALVES = (POINTS[::2], POINTS[1::2])


def said(names, count, *, well=True):
    return Ran(well, [*(f".{each}: {count} deaths, seed 7" for each in names), "said"])


def test_a_hundred_deaths_at_each_point_are_enough():
    found = relay.finding([said(each, relay.ROUNDS) for each in HALVES], "7")

    assert found.holds
    every = len(POINTS)
    assert f"{every * relay.ROUNDS} deaths at {every} of {every} points" in found.figure
    assert "seed 7" in found.figure


@pytest.mark.parametrize(
    "ran",
    [
        [said(HALVES[0], relay.ROUNDS), said(HALVES[1], relay.ROUNDS - 1)],
        [said(HALVES[0], relay.ROUNDS), said(HALVES[1][1:], relay.ROUNDS)],
        [said(HALVES[0], relay.ROUNDS), said(HALVES[1], relay.ROUNDS, well=False)],
    ],
)
def test_a_point_too_few_and_a_failed_run_are_noticed(ran):
    assert not relay.finding(ran, "7").holds
