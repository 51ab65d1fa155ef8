"""F5 and F14: a process freezes, another takes over, and the frozen one comes back."""

from __future__ import annotations

import signal

import pytest

from outbox import relay, sequencer
from outbox.channels import signals
from outbox.channels.webhooks import channel
from outbox.models import Attempt, Delivery, Position, Status
from tests.faults.forks import wait_until


def frozen_at(name, a_fork, deliver_on):
    """Freeze a relay at a point, let another finish what it held, and thaw it."""
    frozen = a_fork(lambda tell: relay.deliver_batch(deliver_on), at=f"{name}:1:stop")
    frozen.wait_until_stopped()
    wait_until(lambda: relay.deliver_batch(deliver_on))  # its lease is over
    frozen.send(signal.SIGCONT)
    return frozen


@pytest.fixture
def owed(world, hurried, a_book):
    """A book is told: one post, one call of a receiver."""
    world.finish()
    a_book()
    sequencer.sequence_all()
    return Delivery.objects.filter(status=Status.PENDING)


def outcomes(delivery):
    return list(delivery.tries.order_by("claim").values_list("claim", "outcome"))


def test_a_claim_that_outlived_its_lease_is_not_even_tried(owed, world, a_fork):
    post = owed.get(channel="webhooks")

    assert frozen_at("after_claim", a_fork, channel).wait() == 0

    assert len(world.posts_of(post)) == 1
    assert outcomes(post) == [(1, "lost"), (2, "ok")]


def test_nothing_is_sent_by_a_relay_that_froze_before_sending(owed, world, a_fork):
    post = owed.get(channel="webhooks")

    assert frozen_at("before_send", a_fork, channel).wait() == 0

    assert len(world.posts_of(post)) == 1
    assert outcomes(post) == [(1, "fenced"), (2, "ok")]


def test_an_outcome_that_comes_after_its_lease_is_rejected_and_counted(
    owed, world, a_fork
):
    post = owed.get(channel="webhooks")

    assert frozen_at("after_send_before_settle", a_fork, channel).wait() == 0

    first, second = world.posts_of(post)
    assert first == second
    assert outcomes(post) == [(1, "fenced"), (2, "ok")]
    assert Attempt.objects.get(delivery=post, claim=1).ambiguous
    post.refresh_from_db()
    assert (post.status, post.claim) == (Status.DELIVERED, 2)


def test_an_effect_that_comes_after_its_lease_is_undone(owed, world, a_fork):
    call = owed.get(channel="signals")

    assert frozen_at("after_effect_before_settle", a_fork, signals).wait() == 0

    assert world.effects()[call.event_id] == 1
    assert outcomes(call) == [(1, "fenced"), (2, "delivered")]
    assert not Attempt.objects.get(delivery=call, claim=1).ambiguous


@pytest.mark.parametrize(
    ("name", "on"),
    [("after_send_before_settle", channel), ("after_effect_before_settle", signals)],
)
def test_a_stale_outcome_ends_nothing_that_another_is_at(owed, world, a_fork, name, on):
    (delivery,) = owed.filter(channel=on.NAME)
    frozen = a_fork(lambda tell: relay.deliver_batch(on), at=f"{name}:1:stop")
    frozen.wait_until_stopped()
    taken_over = []
    wait_until(lambda: taken_over.extend(relay.claim(on)) or taken_over)
    frozen.send(signal.SIGCONT)

    assert frozen.wait() == 0
    delivery.refresh_from_db()
    assert (delivery.status, delivery.claim) == (Status.PENDING, 2)
    assert outcomes(delivery) == [(1, "fenced")]
    assert on is channel or delivery.event_id not in world.effects()


def test_a_frozen_sequencer_is_thrown_out_and_another_goes_on(
    committed_db, a_fork, a_book
):
    sequencer.sequence_all()
    books = [a_book() for _ in range(3)]

    frozen = a_fork(
        lambda tell: sequencer.sequence(), at="after_positions_before_commit:1:stop"
    )
    frozen.wait_until_stopped()
    assert sequencer.sequence() == 0
    wait_until(lambda: sequencer.sequence() == len(books))
    frozen.send(signal.SIGCONT)

    assert frozen.wait() == 1  # its transaction was gone
    a_book()
    assert sequencer.sequence_all() == 1
    placed = Position.objects.order_by("position").values_list("position", flat=True)
    assert list(placed) == [1, 2, 3, 4]
