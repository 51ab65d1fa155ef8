"""Nudges that are older than a sweep."""

from __future__ import annotations

import time

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker

from config import broker
from outbox.tasks import STALE_AFTER, deliver, sequence


@pytest.mark.parametrize(
    ("options", "age", "heard"),
    [
        (sequence.options, 0, ["look"]),
        (sequence.options, STALE_AFTER + 1, []),
        # Who was called to help is still wanted: whoever called goes on alone.
        (deliver.options, STALE_AFTER + 1, ["look"]),
    ],
)
def test_a_nudge_older_than_any_sweep_is_passed_over(options, age, heard):
    stub, told = StubBroker(middleware=broker.middleware()), []
    actor = dramatiq.actor(told.append, broker=stub, actor_name="tell", **options)
    worker = dramatiq.Worker(stub, worker_threads=1)
    sent = int(time.time() * 1000) - age

    stub.enqueue(actor.message("look").copy(message_timestamp=sent))
    worker.start()
    stub.join(actor.queue_name)
    worker.stop()

    assert told == heard
    assert not stub.dead_letters
