"""F8: a receiver that fails in its own way is dead in the end; its neighbours hear."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from django_outbox_pattern.models import Published

from library.signals import book_created
from outbox import appending, routes
from outbox.channels import signals
from outbox.columns import Now
from outbox.errors import UnknownEventType
from outbox.ids import new_id
from outbox.models import Delivery, Event, Route, Status
from tests.faults.world import a_turn

ROOM = 64 * 1024 * 1024  # bytes


def raises(**kwargs):
    raise ValueError("always")


def takes_all_memory(**kwargs):
    bytearray(100 * ROOM)


def lasting(receiver):
    """Let a receiver have all its attempts, each in a turn of its own."""
    for _ in signals.RETRIES:
        a_turn()
        Delivery.objects.filter(destination=receiver).update(due_at=Now())
    a_turn()


def with_little_memory(tell):
    """Be a relay in a process that may not grow."""
    pages, _ = Path("/proc/self/statm").read_text().split(maxsplit=1)
    size = int(pages) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + ROOM, size + ROOM))
    lasting("poison")


@pytest.mark.parametrize("poison", [raises, takes_all_memory])
def test_a_receiver_that_always_fails_is_dead_after_its_last_attempt(
    world, a_fork, a_book, poison
):
    book_created.connect(poison, dispatch_uid="poison")
    try:
        routes.sync()
        a_book(), a_book()
        ended = a_fork(with_little_memory).wait()
    finally:
        book_created.disconnect(dispatch_uid="poison")

    assert ended == 0
    dead = Delivery.objects.filter(destination="poison", status=Status.DEAD)
    allowed = len(signals.RETRIES) + 1
    assert set(dead.values_list("attempts", flat=True)) == {allowed}
    failure = "MemoryError" if poison is takes_all_memory else "ValueError"
    assert all(each.error.startswith(failure) for each in dead)
    assert list(world.effects().values()) == [1, 1]
    neighbours = Delivery.objects.exclude(destination="poison")
    assert set(neighbours.values_list("status", flat=True)) == {Status.DELIVERED}


def told_by_other_code(event_type, data):
    """Put into the log what another version of this program has recorded."""
    Route.objects.get_or_create(
        channel="signals", destination="faults.leave_a_row", event_type=event_type
    )
    row = Event.objects.create(
        id=new_id(),
        stream=f"book:{new_id()}",
        version=1,
        type=event_type,
        schema_version=1,
        data=data,
        about=[],
        metadata={"correlation_id": str(new_id())},
        occurred_at=Now(),
    )
    row.refresh_from_db()
    Published.objects.bulk_create([appending.outbox_row(row)])
    return row


def calls_of(row):
    return Delivery.objects.get(event_id=row.id, channel="signals")


def test_an_event_of_a_type_this_process_does_not_know_waits_and_costs_nothing(
    world, a_book
):
    unknown = told_by_other_code("book.burnt", {"title": "T"})
    a_book()

    lasting("faults.leave_a_row")
    lasting("faults.leave_a_row")

    waits = calls_of(unknown)
    assert (waits.status, waits.attempts) == (Status.PENDING, 0)
    assert waits.error.startswith(UnknownEventType.__name__)
    assert list(world.effects().values()) == [1]


def test_an_event_that_cannot_be_decoded_is_dead_after_its_last_attempt(world, a_book):
    broken = told_by_other_code("book.created", {"no_such_field": 1})
    a_book()

    lasting("faults.leave_a_row")

    ended = calls_of(broken)
    assert (ended.status, ended.attempts) == (Status.DEAD, len(signals.RETRIES) + 1)
    assert list(world.effects().values()) == [1]
