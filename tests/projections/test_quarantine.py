from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.management import call_command

from library.catalog import copies
from library.lending import loans
from library.lending.events import CopyBorrowed
from outbox import sequencer
from projections import feed, quarantine, waiting
from projections.errors import NotYetVisible
from projections.models import Checkpoint, Quarantined, Shelf
from projections.questions.shelves import shelves
from projections.verify import differences


def read_on():
    sequencer.sequence_all()
    return feed.catch_up_all()


@pytest.fixture(autouse=True)
def _switched_on(settings):
    settings.QUARANTINE = True


@pytest.fixture
def cannot_take(monkeypatch):
    """Break the fold of the shelves for the loans of some copies."""
    (step,) = shelves.steps[CopyBorrowed]

    @contextmanager
    def broken(*copies):
        def handle(row, event):
            if event.copy_id in copies:
                raise ValueError("no such copy")
            return step.handle(row, event)

        with monkeypatch.context() as patch:
            patch.setitem(shelves.steps, CopyBorrowed, [replace(step, handle=handle)])
            yield

    return broken


def aside():
    rows = Quarantined.objects.filter(projection="shelves").order_by("position")
    return [(row.stream, bool(row.error)) for row in rows]


def test_only_the_stream_of_the_culprit_waits_and_in_order(
    db, cannot_take, a_loan, a_copy, now, caplog
):
    bad = a_copy()

    with cannot_take(bad):
        culprit = a_loan(copy_id=bad)
        other = a_loan()
        read_on()
        loans.return_copy(copy_id=bad, now=now + timedelta(days=1))
        loans.return_copy(copy_id=other.copy_id, now=now + timedelta(days=1))
        read_on()

    stream = f"copy:{bad}"
    assert aside() == [(stream, True), (stream, False)]
    assert Shelf.objects.get().loan_id == other.loan_id
    assert Shelf.objects.get().returned_at is not None
    checkpoint = Checkpoint.objects.get(name="shelves")
    assert checkpoint.stopped_at is None
    (shout,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert stream in shout.getMessage()
    with pytest.raises(NotYetVisible):
        wait_for_event_of(culprit)


def wait_for_event_of(loan):
    held = Quarantined.objects.filter(projection="shelves").order_by("position")
    waiting.wait_for(held[0].event_id, ["shelves"])


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch):
    monkeypatch.setattr(waiting, "PATIENCE", 0)


@pytest.mark.parametrize(
    "command",
    [
        ("rebuild_projections", "shelves"),
        ("verify_projections", "shelves", "--repair"),
    ],
    ids=lambda command: command[0],
)
def test_one_command_heals_it_after_the_fold_was_corrected(
    db, cannot_take, a_loan, a_copy, now, command
):
    bad = a_copy()
    with cannot_take(bad):
        loan = a_loan(copy_id=bad)
        loans.return_copy(copy_id=bad, now=now + timedelta(days=1))
        read_on()

    call_command(*command)
    healed = aside()
    loans.borrow_copy(copy_id=bad, member_id=loan.member_id, now=now)
    read_on()

    assert healed == aside() == []
    assert Shelf.objects.filter(copy_id=bad).count() == 2
    assert not differences(shelves)


def test_where_too_many_cannot_be_taken_the_read_model_stops(
    db, cannot_take, a_loan, a_copy, monkeypatch
):
    monkeypatch.setattr(quarantine, "MOST", 1)
    first, second = a_copy(), a_copy()

    with cannot_take(first, second):
        a_loan(copy_id=first), a_loan(copy_id=second)
        read_on()

    checkpoint = Checkpoint.objects.get(name="shelves")
    assert checkpoint.stopped_at is not None
    assert aside() == [(f"copy:{first}", True)]


def test_without_the_switch_the_read_model_stops(
    db, cannot_take, a_loan, a_copy, settings
):
    settings.QUARANTINE = False
    bad = a_copy()

    with cannot_take(bad):
        a_loan(copy_id=bad)
        read_on()

    assert Checkpoint.objects.get(name="shelves").stopped_at is not None
    assert aside() == []


def test_what_a_read_model_ignores_is_not_held(db, cannot_take, a_loan, a_copy, now):
    bad = a_copy()
    with cannot_take(bad):
        a_loan(copy_id=bad)
        read_on()
    loans.return_copy(copy_id=bad, now=now + timedelta(days=1))
    copies.remove_copy(copy_id=bad, now=now + timedelta(days=2))
    read_on()

    assert len(aside()) == 2
