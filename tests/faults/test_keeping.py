"""F15: what is finished is pruned; of what is not, nothing is ever deleted."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Sum
from django_outbox_pattern.models import Published

from outbox import retention, sequencer
from outbox.columns import Now
from outbox.models import Delivery, Event, Position, Status, Tally
from tests.faults.world import a_turn

BACKLOG = 20


def test_pruning_deletes_nothing_that_is_still_owed(world, a_book):
    for _ in range(BACKLOG):
        a_book()
    a_turn()
    for _ in range(BACKLOG):  # owed, and not even begun
        a_book()
    sequencer.sequence_all()
    half_done = Delivery.objects.filter(channel="signals").order_by("position")[:5]
    Delivery.objects.filter(id__in=[each.id for each in half_done]).update(
        status=Status.PENDING, finished_at=None
    )
    unplaced = [a_book() for _ in range(3)]
    unsent = owed_ids()
    owed = Position.objects.aggregate(owed=Sum("owed"))["owed"]

    pruned = retention.prune(keep=timedelta(0))

    assert pruned.deliveries > 0
    assert (
        set(Delivery.objects.filter(status=Status.PENDING).values_list("id")) == unsent
    )
    assert Published.objects.filter(status=1).count() == len(unplaced)
    for event_id in {each.event_id for each in Delivery.objects.all()}:
        assert Published.objects.filter(id=event_id).exists()
    kept = Delivery.objects.filter(recipient="").count()
    assert kept + tallied() == owed
    Delivery.objects.filter(status=Status.PENDING).update(due_at=Now())
    a_turn()
    assert not Delivery.objects.filter(status=Status.PENDING).exists()
    assert len({name for name, _ in world.posts}) == Event.objects.count()


def owed_ids():
    return set(Delivery.objects.filter(status=Status.PENDING).values_list("id"))


def tallied():
    """Return how many of the pruned deliveries were fanned out by the sequencer."""
    fanned_out = Tally.objects.exclude(channel="emails")
    return fanned_out.aggregate(all=Sum("deliveries"))["all"]
