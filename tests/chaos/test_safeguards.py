"""
Each safeguard holds where it is all that helps, and nothing holds without it.

With SABOTAGE=each in the environment the safeguards are taken out, and each test has
to fail: that is what `make chaos-oracle` asks for.
"""

from __future__ import annotations

import os

import pytest

from outbox import front
from tests.chaos.safeguards import SITUATIONS
from tests.faults.inside import sabotage


@pytest.fixture(autouse=True)
def looking_everywhere(monkeypatch):
    """Let each claim look everywhere, though the last one was a moment ago."""
    monkeypatch.setattr(front, "PART", 0)


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_safeguard_holds(name, committed_db, monkeypatch, now):
    if os.environ.get("SABOTAGE") == "each":
        sabotage.remove(name, monkeypatch.setattr)

    SITUATIONS[name](now, monkeypatch.setattr)


@pytest.mark.skipif("SABOTAGE" in os.environ, reason="it is sabotaged already")
@pytest.mark.parametrize("name", SITUATIONS)
def test_without_a_safeguard_nothing_holds(name, committed_db, monkeypatch, now):
    sabotage.remove(name, monkeypatch.setattr)

    with pytest.raises(AssertionError):
        SITUATIONS[name](now, monkeypatch.setattr)


def test_every_sabotage_has_its_situation():
    assert list(SITUATIONS) == list(sabotage.SABOTAGES)
