"""F16: a rebuild that is killed, alone or with the processes that work for it."""

from __future__ import annotations

import os
import signal

import pytest
from django.db import connection

from outbox import sequencer
from projections import feed
from projections.questions.due_loans import due_loans
from projections.rebuild import rebuild
from projections.verify import differences
from projections.workers import Workers
from tests.faults.forks import wait_until_alone


def die(done, total):
    os.kill(os.getpid(), signal.SIGKILL)


def leftovers():
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'shadow'")
        return cursor.fetchall()


@pytest.mark.parametrize("parallel", [1, 2])
def test_what_a_killed_rebuild_left_is_in_nobodys_way(
    committed_db, a_fork, a_loan, parallel
):
    a_loan()
    sequencer.sequence_all()
    feed.catch_up_all()

    def start(tell):
        with Workers(parallel) as workers:
            rebuild(due_loans, workers=workers, progress=die)

    child = a_fork(start)

    assert child.wait() == -signal.SIGKILL
    wait_until_alone()
    left = leftovers()
    a_loan()
    sequencer.sequence_all()
    feed.catch_up_all()
    unharmed = differences(due_loans) == []
    rebuild(due_loans)

    assert (left, unharmed) == ([("due_loans",)], True)
    assert leftovers() == []
