from __future__ import annotations

import pytest

from tests.chaos import plan
from tests.chaos.faults import Faults


@pytest.mark.parametrize("broker", plan.OF_BROKER)
def test_the_same_seed_makes_the_same_faults(broker):
    first = plan.schedule("7", 60.0, broker)

    assert first == plan.schedule("7", 60.0, broker)
    assert first != plan.schedule("8", 60.0, broker)


@pytest.mark.parametrize("duration", [5.0, 20.0, 60.0, 600.0])
@pytest.mark.parametrize("seed", range(5))
def test_every_fault_is_over_early_enough(duration, seed):
    planned = plan.schedule(str(seed), duration, "redis")

    assert planned == sorted(planned)
    assert planned[0].at >= 0
    assert max(fault.ends for fault in planned) <= duration * plan.ENDS_AT + 0.01


@pytest.mark.parametrize("broker", plan.OF_BROKER)
def test_a_minute_has_every_kind_of_fault(broker):
    kinds = {fault.kind for fault in plan.schedule("1", 60.0, broker)}

    assert kinds == {*plan.EVERYWHERE, *plan.OF_BROKER[broker]}


@pytest.mark.parametrize("broker", plan.OF_BROKER)
def test_every_kind_can_be_done(broker):
    for kind in {**plan.EVERYWHERE, **plan.OF_BROKER[broker]}:
        assert callable(getattr(Faults, f"_{kind}"))


def test_what_lasts_is_known():
    kinds = {*plan.EVERYWHERE}.union(*plan.OF_BROKER.values())

    assert kinds >= plan.LASTING.keys()
