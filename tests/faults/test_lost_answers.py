"""F3, F4 and a part of F6: a commit is done, and whoever asked for it never hears."""

from __future__ import annotations

import threading

import pytest
from django.db import InterfaceError, OperationalError

from library.catalog import books
from library.catalog.models import Book
from library.members.models import User
from outbox import claims, commands, points, relay, sequencer
from outbox.channels.webhooks import channel
from outbox.columns import Now
from outbox.ids import new_id
from outbox.models import Delivery, Event, Status
from outbox.sweep import Sweep
from tests.api.conftest import Client
from tests.faults.cut_line import CLAIM, COMMIT, OUTCOME, CutLine
from tests.faults.forks import PATIENCE, wait_until

DROPPED = (OperationalError, InterfaceError)


@pytest.fixture
def owed(world, a_book):
    """One post is owed, and nothing else."""
    world.finish()
    a_book()
    sequencer.sequence_all()
    return Delivery.objects.get(channel="webhooks", status=Status.PENDING)


def test_a_claim_whose_answer_is_lost_is_due_again_after_its_lease(owed, world):
    with CutLine() as line:
        line.cut(CLAIM)
        with pytest.raises(DROPPED):
            relay.deliver_batch(channel)

    owed.refresh_from_db()
    assert (line.cuts, owed.claim, owed.attempts) == (1, 1, 1)
    assert relay.deliver_batch(channel) == 0

    Delivery.objects.filter(id=owed.id).update(due_at=Now())
    assert relay.deliver_batch(channel) == 1
    owed.refresh_from_db()
    assert (owed.status, owed.claim) == (Status.DELIVERED, 2)
    assert len(world.posts_of(owed)) == 1


class LosesOneHold:
    """The first thread to hold a claim never hears of it."""

    def __init__(self):
        self.failed = threading.Event()

    def __call__(self, name):
        if name != "after_claim" or self.failed.is_set():
            return
        if Delivery.objects.filter(worker=claims.worker_name()).exists():
            self.failed.set()
            raise OperationalError("the answer was lost")


def sweeping(tell):
    """Be a relay that loses hold of a claim, until everything is delivered."""
    fault = LosesOneHold()
    points.listen(fault)
    sweep = Sweep()
    sweep.start()
    assert fault.failed.wait(PATIENCE)
    wait_until(lambda: not Delivery.objects.exclude(status="delivered").exists())
    assert sweep.stop(PATIENCE)


def test_a_relay_that_lives_on_takes_up_what_it_lost_hold_of(
    world, hurried, a_fork, a_book
):
    a_book()

    assert a_fork(sweeping).wait() == 0

    world.finish()
    world.check()
    assert Delivery.objects.filter(claim=2, attempts=2).exists()


def test_an_outcome_whose_answer_is_lost_stands_and_nothing_is_sent_again(owed, world):
    with CutLine() as line:
        line.cut(OUTCOME)
        relay.deliver_batch(channel)

    assert (line.cuts, len(world.posts_of(owed))) == (1, 1)
    owed.refresh_from_db()
    assert (owed.status, owed.claim) == (Status.DELIVERED, 1)
    Delivery.objects.filter(id=owed.id).update(due_at=Now())
    assert relay.deliver_batch(channel) == 0
    assert len(world.posts_of(owed)) == 1


def test_a_command_whose_answer_is_lost_may_be_repeated_and_acts_once(
    committed_db, now
):
    command_id, book = new_id(), {"title": "T", "authors": ["A"], "now": now}

    with CutLine() as line:
        line.cut(COMMIT)
        with pytest.raises(DROPPED):
            commands.once(command_id, books.add_book, **book)
    (created,) = commands.once(command_id, books.add_book, **book)

    assert line.cuts == 1
    assert Book.objects.get().id == created.book_id
    assert Event.objects.filter(type="book.created").count() == 1


def test_a_request_whose_answer_is_lost_may_be_repeated_and_acts_once(
    committed_db, a_member
):
    member_id = a_member()
    User.objects.filter(id=member_id).update(is_staff=True)
    librarian = Client(member_id)
    book = {"title": "Chinor", "authors": ["Asqad Muxtor"]}

    with CutLine() as line:
        line.cut(COMMIT)
        lost = librarian.keyed("/api/v1/books/", book, "k1")
    again = librarian.keyed("/api/v1/books/", book, "k1")

    assert (line.cuts, again.status_code) == (1, 201)
    assert lost.status_code in (500, 503)
    assert again.json()["id"] == str(Book.objects.get().id)
    assert Event.objects.filter(type="book.created").count() == 1
