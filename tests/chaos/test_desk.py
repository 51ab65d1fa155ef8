"""A desk gives a command until it has an answer, and what it does is done once."""

from __future__ import annotations

import threading

import pytest
from django.db import InterfaceError, OperationalError

from config.demo import ledger
from config.demo.ledger import Ledger
from outbox import commands
from outbox.models import Command, Event
from tests.chaos import ledgers
from tests.chaos.inside.desk import Desk

NAMES = (ledgers.INTENTS, ledgers.ANSWERS, ledgers.TROUBLE)


@pytest.fixture
def a_desk(committed_db, tmp_path):
    """Make a desk that has read the ledgers; `without_answers` as if killed before."""
    noted = [Ledger(tmp_path, name) for name in NAMES]

    def make(*, without_answers=False):
        intents, answers, _ = read(tmp_path)
        desk = Desk(1, "seed", *noted)
        known = [] if without_answers else answers
        desk.remember(intents, known)
        return desk, desk.unanswered(known)

    yield make
    for each in noted:
        each.close()


def read(folder):
    return [ledger.read(folder, name) for name in NAMES]


def work(desk, steps, left=()):
    """Work until so many new commands are given."""

    class AfterSteps(threading.Event):
        left = steps

        def wait(self, timeout=None):
            self.left -= 1
            return self.left < 0

    desk.work(AfterSteps(), threading.Event(), 0.0, list(left))


def test_each_command_has_its_answer_and_its_event(a_desk, tmp_path):
    desk, left = a_desk()

    work(desk, 30)

    intents, answers, trouble = read(tmp_path)
    assert (left, trouble) == ([], [])
    assert [each["command"] for each in intents] == [
        each["command"] for each in answers
    ]
    assert {each["event"] for each in answers} == {
        event_id.hex for event_id in Event.objects.values_list("id", flat=True)
    }
    assert {each["type"] for each in answers} >= {"book.borrowed", "book.returned"}


def test_who_was_killed_before_the_answer_gets_it_from_a_repeat(a_desk, tmp_path):
    first, _ = a_desk()
    work(first, 1)
    second, left = a_desk(without_answers=True)

    work(second, 0, left)

    _, (before, after), (noted,) = read(tmp_path)
    assert [each["command"] for each in left] == [before["command"]]
    assert (before["repeated"], after["repeated"]) == (False, True)
    assert before | {"repeated": True} == after
    assert noted["what"] == "the driver was killed"
    assert Event.objects.count() == 1


def test_a_desk_goes_on_where_another_was_killed(a_desk, tmp_path):
    work(a_desk()[0], 20)
    desk, left = a_desk()

    work(desk, 20, left)

    intents, answers, _ = read(tmp_path)
    assert len(intents) == len(answers) == Event.objects.count() == 40
    assert not any("refused" in each for each in answers)


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
@pytest.mark.parametrize("committed", [False, True])
def test_a_lost_answer_is_asked_for_again(
    a_desk, tmp_path, monkeypatch, error, committed
):
    desk, _ = a_desk()
    give, lost = desk._give, []

    def give_and_lose(intent):
        if lost:
            return give(intent)
        lost.append(intent)
        if committed:
            give(intent)
        raise error("the connection is gone")

    monkeypatch.setattr(desk, "_give", give_and_lose)
    work(desk, 1)

    _, (answer,), (noted,) = read(tmp_path)
    assert noted["what"] == f"{error.__name__}: the connection is gone"
    assert answer["repeated"] == committed
    assert Event.objects.count() == Command.objects.count() == 1


def test_a_note_that_fails_takes_the_deed_with_it(a_desk, tmp_path, monkeypatch):
    desk, _ = a_desk()
    note, failed = commands.note, []

    def fail_once(*args):
        if not failed:
            failed.append(args)
            raise OperationalError("the connection is gone")
        note(*args)

    monkeypatch.setattr(commands, "note", fail_once)
    work(desk, 1)

    _, (answer,), _ = read(tmp_path)
    assert not answer["repeated"]
    assert Event.objects.count() == 1


def test_a_desk_waits_while_too_much_is_owed(a_desk, tmp_path):
    desk, _ = a_desk()
    crowded = threading.Event()
    crowded.set()
    waited = []

    class Stopping(threading.Event):
        def wait(self, timeout=None):
            waited.append(timeout)
            return len(waited) > 3

    desk.work(Stopping(), crowded, 0.0, [])

    assert read(tmp_path) == [[], [], []]
