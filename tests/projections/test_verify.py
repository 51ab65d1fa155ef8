from __future__ import annotations

import json
import random
import threading
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from outbox import gate, sequencer
from outbox.apply import with_keys, written
from projections import feed, registry
from projections.models import Checkpoint, DueLoan
from projections.questions.availability import availability
from projections.questions.due_loans import due_loans
from projections.questions.shelves import shelves
from projections.verify import differences
from tests.threads import in_thread

LOANS = 150
CELLS = 1000
# One more would break a constraint.
TAKEN = ("on_loan", "set_aside", "in_transit", "marked")
NOT_TOUCHED = {("availability", name) for name in TAKEN}


@pytest.fixture
def a_busy_library(db, a_loan):
    """Lend so many copies of so many books to so many members."""
    for _ in range(LOANS):
        a_loan()
    sequencer.sequence_all()
    feed.catch_up_all()


@pytest.fixture
def two_loans(db, a_loan):
    """Lend two copies, and let everybody read of it."""
    a_loan(), a_loan()
    sequencer.sequence_all()
    feed.catch_up_all()


def another(value, chance):
    """Return a value of the same kind that is not the same."""
    if isinstance(value, UUID):
        return UUID(int=chance.getrandbits(128), version=4)
    if isinstance(value, int) and not isinstance(value, bool):
        return value + 1
    if isinstance(value, list):
        return [*value, *value]
    if isinstance(value, str):
        return f"{value}x"[-8:]
    return value + timedelta(days=1)


def cells(chance):
    """Return one cell of each row there is, as (fold, key, column, value)."""
    found = []
    for fold in registry.every_fold().values():
        for row in written(fold).all():
            columns = [
                name
                for name in fold.columns
                if name not in fold.key_columns
                and (fold.name, name) not in NOT_TOUCHED
                and not isinstance(getattr(row, name), bool | dict | None)
                and getattr(row, name) != []
            ]
            if columns:
                column = chance.choice(columns)
                found.append((fold, fold.key_of(row), column, getattr(row, column)))
    return found


def versions():
    """Return of each row the transaction that wrote it, and where it stands."""
    found = {}
    with connection.cursor() as cursor:
        for fold in registry.every_fold().values():
            (key,) = fold.key_columns
            cursor.execute(f'SELECT "{key}", xmin::text, ctid::text FROM {fold.name}')
            found |= {(fold.name, row[0]): row[1:] for row in cursor.fetchall()}
    return found


def test_each_of_a_thousand_changed_cells_is_found_and_only_those_are_repaired(
    a_busy_library, capsys
):
    chance = random.Random(6)
    changed = chance.sample(cells(chance), CELLS)
    for fold, key, column, value in changed:
        with_keys(fold, [key]).update(**{column: another(value, chance)})
    scribbled = versions()

    found = differences(*registry.every_fold().values())
    call_command("verify_projections", repair=True)

    assert {(each.table, each.key, each.wrong[0][0]) for each in found} == {
        (fold.name, key, column) for fold, key, column, _ in changed
    }
    assert all(len(each.wrong) == 1 for each in found)
    assert differences(*registry.every_fold().values()) == []
    rewritten = {
        key for key, version in versions().items() if version != scribbled[key]
    }
    assert rewritten == {(fold.name, key) for fold, key, _, _ in changed}
    assert f"{CELLS} row(s) corrected" in capsys.readouterr().out


def test_a_program_is_told_what_differs_and_what_was_repaired(two_loans, capsys):
    row = written(due_loans).first()
    written(due_loans).filter(loan_id=row.loan_id).update(book_id=uuid4())

    call_command("verify_projections", "due_loans", repair=True, json=True)

    answer = json.loads(capsys.readouterr().out)
    (difference,) = answer["differences"]
    assert difference["key"] == str(row.loan_id)
    assert difference["wrong"][0][0] == "book_id"
    assert answer["repaired"] == 1


def test_verifying_does_not_repair_unasked(two_loans):
    written(due_loans).all().delete()

    with pytest.raises(CommandError, match="--repair"):
        call_command("verify_projections", "due_loans")

    assert not DueLoan.objects.exists()


def test_repairing_a_read_model_leaves_what_it_has_not_read_to_its_feed(
    two_loans, a_loan
):
    written(shelves).all().delete()
    a_loan()
    sequencer.sequence_all()

    call_command("verify_projections", "shelves", repair=True)

    repaired = written(shelves).count()
    feed.catch_up_all()
    assert (repaired, written(shelves).count()) == (2, 3)
    assert differences(shelves) == []


def test_verifying_waits_for_no_lock(committed_db, a_loan):
    a_loan()
    sequencer.sequence_all()
    feed.catch_up_all()
    found = []

    with transaction.atomic():  # an operation, a reading and a rebuild, all at once
        gate.enter_alone()
        Checkpoint.objects.lock("due_loans")
        written(due_loans).update(book_id=uuid4())
        verifying = in_thread(
            lambda: found.append(differences(*registry.every_fold().values()))
        )
        verifying.join(30)

    assert found == [[]]


def test_what_is_recorded_while_verifying_goes_on_makes_no_difference(
    committed_db, a_loan
):
    a_loan()
    sequencer.sequence_all()
    feed.catch_up_all()
    seen, may_go_on = threading.Event(), threading.Event()
    found = []

    def pause(done, total):
        seen.set()
        may_go_on.wait(10)

    folds = registry.every_fold().values()
    verifying = in_thread(lambda: found.append(differences(*folds, progress=pause)))
    assert seen.wait(10)
    a_loan()
    sequencer.sequence_all()
    feed.catch_up_all()
    may_go_on.set()
    verifying.join()

    assert found == [[]]
    assert written(availability).count() == 2
