"""
F2: death at every named point there is, of callers and relays alike.

POINT_ROUNDS=100 makes it a hundred deaths at each point, at a passing drawn by lot;
POINT_SEED=… draws the same ones again.
"""

from __future__ import annotations

import os
import random
import signal
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from library.lending import loans
from library.lending.models import Loan
from outbox import nudge, points, retention
from tests.faults.forks import PATIENCE, wait_until_alone
from tests.faults.world import a_turn

ROUNDS = int(os.environ.get("POINT_ROUNDS", "1"))
SEED = os.environ.get("POINT_SEED", "1")


def a_day(copy_id, member_id, tell):
    """Prune, lend a copy and take it back, nudge, and pass it all on."""
    nudged = threading.Event()
    nudge.listen(nudge.Bell(nudged.set).ring)
    retention.prune(keep=timedelta(0))
    now = datetime.now(UTC)
    loans.borrow_copy(copy_id=copy_id, member_id=member_id, now=now)
    tell("borrowed")
    loans.return_copy(copy_id=copy_id, now=now)
    tell("returned")
    a_turn()
    assert nudged.wait(PATIENCE)


def counted(day, tell):
    """Tell of every point that is passed on a day without a fault."""
    points.listen(tell)
    day(lambda text: None)


@pytest.fixture
def day(world, a_copy, a_member):
    """Prepare a library with a copy and a reader, all of it told to the world."""
    prepared = partial(a_day, a_copy(), a_member())
    world.finish()
    return prepared


@pytest.mark.parametrize("name", points.POINTS)
def test_a_death_at_any_point_loses_nothing_and_doubles_no_effect(
    name, day, world, a_fork, a_member
):
    chance = random.Random(f"{SEED}:{name}")
    passes = Counter(a_fork(partial(counted, day)).told())[name]
    if name == "before_nudge":
        passes = 1  # many rings become one nudge, or not

    for _ in range(ROUNDS):
        world.finish()
        before = Counter(returned=returns(), borrowed=Loan.objects.count())
        child = a_fork(day, at=f"{name}:{chance.randint(1, passes)}:kill")

        assert child.wait() == -signal.SIGKILL
        wait_until_alone()
        done = Counter(returned=returns(), borrowed=Loan.objects.count()) - before
        assert Counter(child.told()) <= done
        bring_back()
        world.finish()
        world.check()

    print(f"{name}: {ROUNDS} deaths, seed {SEED}")  # noqa: T201 - counted by the proof


def returns():
    return Loan.objects.filter(returned_at__isnull=False).count()


def bring_back():
    """Return the copy, if the caller died before doing so."""
    for loan in Loan.objects.open():
        loans.return_copy(copy_id=loan.copy_id, now=datetime.now(UTC))
