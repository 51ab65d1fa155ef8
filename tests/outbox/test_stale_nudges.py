"""Nudges that are older than a sweep."""

from __future__ import annotations

import time

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker

from config import broker
from outbox import sequencer, tasks


@pytest.mark.parametrize(("age", "looked"), [(0, 1), (tasks.STALE_AFTER + 1, 0)])
def test_a_nudge_older_than_any_sweep_is_passed_over(monkeypatch, age, looked):
    looks = []
    monkeypatch.setattr(sequencer, "sequence_all", looks.append)
    stub = StubBroker(middleware=broker.middleware())
    actor = dramatiq.actor(
        tasks.sequence.fn, broker=stub, actor_name="sequence", max_retries=0
    )
    worker = dramatiq.Worker(stub, worker_threads=1)
    sent = int(time.time() * 1000) - age

    stub.enqueue(actor.message().copy(message_timestamp=sent))
    worker.start()
    stub.join(actor.queue_name)
    worker.stop()

    assert len(looks) == looked
