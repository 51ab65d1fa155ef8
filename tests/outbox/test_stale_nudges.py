"""Nudges that are older than a sweep."""

from __future__ import annotations

import time

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker

from config import broker


@pytest.mark.parametrize(("age", "heard"), [(0, ["look"]), (broker.STALE + 1, [])])
def test_a_nudge_older_than_any_sweep_is_passed_over(age, heard):
    stub, told = StubBroker(middleware=broker.middleware()), []
    actor = dramatiq.actor(told.append, broker=stub, actor_name="tell", max_retries=0)
    worker = dramatiq.Worker(stub, worker_threads=1)
    sent = int(time.time() * 1000) - age

    stub.enqueue(actor.message("look").copy(message_timestamp=sent))
    worker.start()
    stub.join(actor.queue_name)
    worker.stop()

    assert told == heard
    assert not stub.dead_letters
