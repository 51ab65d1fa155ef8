"""
F16 at length: all tables are made anew while books are lent, and who does it is killed.

REBUILDS=20 makes it twenty rebuilds of every table, LENT_A_SECOND=50 sets the pace.
What was found is printed, for `manage.py proof folds`.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import random
import signal
import time
from contextlib import contextmanager

import orjson
import pytest
from django.core.management import call_command
from django.db import connection, transaction

from library.catalog.state import books
from library.lending import loans
from outbox import sequencer
from outbox.apply import written
from projections import feed, reading, registry, takeover
from projections.models import Checkpoint, Shelf
from projections.rebuild import REBUILDING
from projections.replay import Replay
from projections.verify import differences
from projections.workers import NICENESS
from tests.faults.forks import wait_until

REBUILDS = int(os.environ.get("REBUILDS", "1"))
A_SECOND = int(os.environ.get("LENT_A_SECOND", "20"))
LENDERS = 2  # processes
BOOKS = takeover.BATCH + 10 if REBUILDS > 1 else 10  # corrected at once, and more
PAUSE = 0.02  # seconds in which what is new comes together, before it is read


class Notes:
    """What several processes have done, and from when to when."""

    def __init__(self, path):
        self._path = path
        path.touch()

    @contextmanager
    def of(self, what):
        """Note how long it took, and whether it failed."""
        began, failed = time.monotonic(), ""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - it is what we came to see
            failed = f"{type(error).__name__}: {error}"
        note = [what, began, time.monotonic(), failed]
        with self._path.open("ab") as file:
            file.write(orjson.dumps(note) + b"\n")

    def all(self):
        """Return them, as (what, began, ended, failed)."""
        return [orjson.loads(line) for line in self._path.read_bytes().splitlines()]


@pytest.fixture
def notes(tmp_path):
    """Return a place for notes that outlives whoever is killed."""
    return Notes(tmp_path / "notes")


@pytest.fixture
def at_work(a_fork, a_copy, a_member, a_book, now, notes):
    """Lend, ask and take back, and read on, until the end of the test."""
    for number in range(BOOKS):
        a_book(title=f"Book {number}")
    over = multiprocessing.Event()

    def lending(stock):
        def lend(tell):
            due = time.monotonic()
            while not over.wait(max(0, due - time.monotonic())):
                due = max(due + LENDERS / A_SECOND, time.monotonic())
                copy_id, member_id = random.choice(stock)
                with notes.of("borrow"):
                    loans.borrow_copy(copy_id=copy_id, member_id=member_id, now=now)
                with notes.of("ask"):
                    list(Shelf.objects.at_home(member_id))
                with notes.of("return"):
                    loans.return_copy(copy_id=copy_id, now=now)

        return lend

    def read_on(tell):
        while not over.wait(PAUSE):
            with notes.of("read on"):
                sequencer.sequence_all()
                feed.catch_up_all()

    stocks = [[(a_copy(), a_member()) for _ in range(10)] for _ in range(LENDERS)]
    working = [a_fork(lending(stock)) for stock in stocks] + [a_fork(read_on)]
    yield
    over.set()
    assert [each.wait() for each in working] == [0] * len(working)


def rebuilding(notes):
    """Return what rebuilds all tables in a process, and notes when it takes over."""
    take_over = takeover.take_over

    def noted(*args, **options):
        with notes.of("take over"):
            return take_over(*args, **options)

    def work(tell):
        takeover.take_over = noted
        os.nice(NICENESS)
        names = [registry.DOMAIN, *registry.read_models()]
        call_command(
            "rebuild_projections", *names, parallel=2, json=True, stdout=io.StringIO()
        )

    return work


def nobody_rebuilds():
    """Tell whether the server has noticed that who rebuilt is dead."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = %s",
            [REBUILDING],
        )
        return cursor.fetchone() is None


def is_what_a_replay_makes(fold):
    """Tell whether a table's rows are those of a fold from nothing, at this moment."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        if fold.name in registry.read_models():
            read = Checkpoint.objects.get(name=fold.name).position
            replay = Replay(fold).upto(read)
        else:
            replay = Replay(fold).upto(reading.last_position()).and_unplaced()
        rows = (fold.Row(**each) for each in written(fold).values(*fold.columns))
        stored = {fold.key_of(row): row for row in rows}
    return stored == {key: row for key, row in replay.table.items() if row is not None}


def p99(times):
    """Return the milliseconds that 99 of 100 do not exceed; None for none."""
    ordered = sorted(1000 * (ended - began) for began, ended in times)
    return round(ordered[int(len(ordered) * 0.99)], 1) if ordered else None


def meeting(times, others):
    """Return those that were under way while one of the others was."""
    return [
        (began, ended)
        for began, ended in times
        if any(begun < ended and began < end for begun, end in others)
    ]


def test_all_tables_are_made_anew_while_books_are_lent_and_nobody_notices(
    committed_db, a_fork, at_work, notes
):
    killed, unequal, differing, rebuilds, usual = 0, [], [], [], 3.0
    folds = registry.every_fold().values()
    for _ in range(REBUILDS):
        doomed = a_fork(rebuilding(notes))
        time.sleep(random.uniform(0, usual))
        doomed.send(signal.SIGKILL)
        killed += doomed.wait() == -signal.SIGKILL
        wait_until(nobody_rebuilds)
        written(books).update(title="scribbled over")

        began = time.monotonic()
        status = a_fork(rebuilding(notes)).wait()
        rebuilds.append((began, time.monotonic()))
        usual = time.monotonic() - began

        assert status == 0
        unequal += [fold.name for fold in folds if not is_what_a_replay_makes(fold)]
        differing += differences(*folds)

    done = [note for note in notes.all() if note[0] != "take over"]
    times = [(began, ended) for what, began, ended, _ in done if what != "read on"]
    take_overs = [note[1:3] for note in notes.all() if note[0] == "take over"]
    lent = sum(what == "borrow" for what, *_ in done)
    found = {
        "rebuilds": len(rebuilds),
        "killed": killed,
        "tables": len(folds),
        "operations": len(times),
        "failed": [failed for *_, failed in done if failed],
        "unequal": unequal,
        "differing": [str(each) for each in differing],
        "a_second": round(lent / (done[-1][2] - done[0][1]), 1),
        "take_over_ms": p99(meeting(times, take_overs)),
        "rebuild_ms": p99(meeting(times, rebuilds)),
    }
    print("rebuilds", orjson.dumps(found).decode())  # noqa: T201
    assert (found["failed"], unequal, differing) == ([], [], [])
    assert lent > REBUILDS
