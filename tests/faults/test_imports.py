"""F1: an import that is killed, within a batch or between two, goes on from there."""

from __future__ import annotations

import os
import signal
from functools import partial

import pytest
from django_outbox_pattern.models import Published

from library.catalog import csv_records, importing
from library.catalog.models import Book
from library.catalog.state import books
from outbox.models import Event
from projections.verify import differences
from tests.faults.forks import wait_until_alone

BATCHES, BATCH = 3, 30  # so many that they go by COPY


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(importing, "BATCH", BATCH)
    path = tmp_path / "books.csv"
    rows = "".join(f"{n},T{n},A\n" for n in range(BATCHES * BATCH))
    path.write_text(f"id,title,authors\n{rows}")
    return path


def imported(path, now, tell, die_after=None):
    """Import, and end by our own hand as soon as a batch is committed."""
    with csv_records.opened(path, source="books") as file:
        for number, report in enumerate(importing.batches(file, now=now), start=1):
            tell(f"{len(report.added)} {report.known}")
            if number == die_after:
                os.kill(os.getpid(), signal.SIGKILL)


def written():
    return (
        Book.objects.count(),
        Event.objects.filter(type="book.created").count(),
        Published.objects.filter(destination="book.created").count(),
    )


@pytest.mark.parametrize(
    ("die_after", "at", "left"),
    [
        (2, "", 2),
        (None, "after_rows_before_events:2:kill", 1),
        (None, "after_outbox_rows_before_commit:2:kill", 1),
        (None, "after_outbox_rows_before_commit:1:kill", 0),
    ],
)
def test_an_import_goes_on_where_it_was_killed(
    committed_db, a_fork, path, now, die_after, at, left
):
    child = a_fork(partial(imported, path, now, die_after=die_after), at=at)
    assert child.wait() == -signal.SIGKILL
    wait_until_alone()
    assert written() == (left * BATCH,) * 3

    again = a_fork(partial(imported, path, now))

    assert again.wait() == 0
    assert again.told() == [f"0 {BATCH}"] * left + [f"{BATCH} 0"] * (BATCHES - left)
    assert written() == (BATCHES * BATCH,) * 3
    assert set(Book.objects.values_list("title", flat=True)) == {
        f"T{n}" for n in range(BATCHES * BATCH)
    }
    assert not differences(books)


def test_two_imports_of_one_file_at_once_add_each_book_once(
    committed_db, a_fork, path, now
):
    both = [a_fork(partial(imported, path, now)) for _ in range(2)]

    assert [child.wait() for child in both] == [0, 0]
    assert written() == (BATCHES * BATCH,) * 3
