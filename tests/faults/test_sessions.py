"""F6 and F11: sessions that are cut off, and transactions that are left open."""

from __future__ import annotations

import random
import signal
import threading
from functools import partial

import psycopg
import pytest
from django.core.management import call_command
from django.db import Error, connection, transaction

from library.catalog.books import add_book
from outbox import commands
from outbox.ids import new_id
from outbox.models import Event, Position
from tests.cloned_database import url_of
from tests.faults.forks import PATIENCE, other_sessions, wait_until
from tests.threads import in_thread

CALLERS, COMMANDS = 3, 6


def a_relay(tell):
    """Be a relay process."""
    call_command("relay", "--no-broker")


def until_answered(answered, now, number):
    """Give a few commands, each again and again under its id until it is answered."""
    for _ in range(COMMANDS):
        command_id = new_id()
        while not answered.get(command_id):
            try:
                answered[command_id] = commands.once(
                    command_id, add_book, title="T", authors=["A"], now=now
                )
            except Error:
                connection.close()


def cut_off(session):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [session])


def test_sessions_cut_off_under_load_lose_nothing_and_repeat_nothing(
    world, hurried, a_fork, now
):
    chance, answered = random.Random(6), {}
    relays = [a_fork(a_relay), a_fork(a_relay)]
    callers = [
        in_thread(partial(until_answered, answered, now, n)) for n in range(CALLERS)
    ]

    for number in range(CALLERS * COMMANDS):
        for session in chance.sample(other := other_sessions(), min(2, len(other))):
            cut_off(session)
        wait_until(lambda number=number: len(answered) > number)

    for caller in callers:
        caller.join(PATIENCE)
    for each in relays:
        each.send(signal.SIGTERM)
    assert [each.wait() for each in relays] == [0, 0]
    world.finish()
    world.check()
    added = Event.objects.filter(type="book.created").count()
    assert added == len(answered) == CALLERS * COMMANDS


@pytest.fixture
def left_open(committed_db):
    """Leave a writing transaction open, in this database and in another."""
    other = url_of("postgres")
    with psycopg.connect(committed_db) as here, psycopg.connect(other) as there:
        for each in (here, there):
            each.execute("SELECT pg_current_xact_id()")
        yield


def test_a_transaction_left_open_holds_up_nothing(world, left_open, a_book):
    for _ in range(3):
        a_book()

    world.finish()

    world.check()


def test_what_commits_after_a_long_time_is_not_passed_over(world, a_book):
    recorded, commit = threading.Event(), threading.Event()

    def late():
        with transaction.atomic():
            a_book(title="late")
            recorded.set()
            commit.wait(PATIENCE)

    thread = in_thread(late)
    assert recorded.wait(PATIENCE)
    for _ in range(3):
        a_book()
    world.finish()
    told_before = len(world.posts)
    commit.set()
    thread.join(PATIENCE)
    world.finish()

    world.check()
    assert len(world.posts) == told_before + 1
    last = Position.objects.order_by("position").last()
    assert Event.objects.get(id=last.event_id).data["title"] == "late"
    assert last.seq < Event.objects.order_by("seq").last().seq
