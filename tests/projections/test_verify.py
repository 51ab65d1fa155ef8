from __future__ import annotations

import json
import os
import random
import threading
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID, uuid4

import pytest
from django.contrib.postgres.fields import ArrayField
from django.core.management import CommandError, call_command
from django.db import DataError, IntegrityError, models, transaction
from django.db.models.expressions import RawSQL
from django.utils import timezone

from library.lending import loans
from library.members import categories
from library.news import announcements
from library.policies import policies
from outbox import gate, sequencer
from outbox.apply import with_keys, written
from projections import feed, registry
from projections.models import Checkpoint, DueLoan
from projections.questions.availability import availability
from projections.questions.due_loans import due_loans
from projections.questions.shelves import shelves
from projections.verify import differences
from tests.threads import in_thread

CELLS = int(os.environ.get("VERIFY_CELLS", "300"))
LOANS = max(40, CELLS // 8)


@pytest.fixture
def a_busy_library(db, a_book, a_branch, a_copy, a_hold, a_loan, now):
    """Do something that writes to each table, and lend a lot."""
    policies.set_policy(name="fees", fee_per_day=100, now=now)
    categories.describe_category(code="teacher", name="Teachers", now=now)
    lent = [a_loan(copy_id=a_copy(branch_id=a_branch())) for _ in range(3)]
    lent += [a_loan() for _ in range(LOANS)]
    for each in lent[:20]:
        a_hold(each.book_id)
    for each in lent[:30]:
        loans.return_copy(copy_id=each.copy_id, now=now + timedelta(days=60))
    sequencer.sequence_all()
    tomorrow = timezone.localdate() + timedelta(days=1)  # of the log's own clock
    announcements.announce(now=datetime.combine(tomorrow, time(10), tzinfo=UTC))
    sequencer.sequence_all()
    feed.catch_up_all()


@pytest.fixture
def two_loans(db, a_loan):
    """Lend two copies, and let everybody read of it."""
    a_loan(), a_loan()
    sequencer.sequence_all()
    feed.catch_up_all()


def another(field, value, chance):
    """Return a value that a column may have, and another one than it has."""
    field = getattr(field, "target_field", field)
    match field:
        case models.UUIDField():
            return UUID(int=chance.getrandbits(128), version=4)
        case models.BooleanField():
            return not value
        case models.IntegerField() | models.DecimalField():
            return (value or 0) + 1
        case ArrayField():
            return [*(value or []), another(field.base_field, None, chance)]
        case models.JSONField():
            return [*value, 1] if isinstance(value, list) else {**(value or {}), "x": 1}
        case models.DateTimeField():
            return (value or datetime(2026, 3, 2, tzinfo=UTC)) + timedelta(seconds=1)
        case models.DateField():
            return (value or date(2026, 3, 2)) + timedelta(days=1)
        case _:
            return f"{value or ''}x"[-8:]


def cells(chance):
    """Return all cells but those of keys, by lot, but one of each column first."""
    found = [
        (fold, fold.key_of(row), column, getattr(row, column))
        for fold in registry.every_fold().values()
        for row in written(fold).all()
        for column in fold.columns
        if column not in fold.key_columns
    ]
    chance.shuffle(found)
    firsts = {(cell[0].name, cell[2]): cell for cell in found}
    return [*firsts.values(), *found]


def scribbled(cells, count, chance):
    """Change so many cells, one of a row at most; return those that were changed."""
    changed = {}
    for fold, key, column, value in cells:
        if len(changed) == count or (fold.name, key) in changed:
            continue
        field = fold.model._meta.get_field(column)
        with suppress(IntegrityError, DataError), transaction.atomic():
            wrong = {column: another(field, value, chance)}
            with_keys(fold, [key]).update(**wrong)
            changed[fold.name, key] = column
    return changed


def versions():
    """Return of each row the transaction that wrote it, and where it stands."""
    return {
        (fold.name, fold.key_of(row)): (row.xmin, row.ctid)
        for fold in registry.every_fold().values()
        for row in written(fold).annotate(
            xmin=RawSQL("xmin::text", ()), ctid=RawSQL("ctid::text", ())
        )
    }


def test_each_changed_cell_is_found_and_only_those_are_repaired(a_busy_library, capsys):
    seed = os.environ.get("VERIFY_SEED", "6")
    chance = random.Random(seed)
    changed = scribbled(cells(chance), CELLS, chance)
    before = versions()

    found = differences(*registry.every_fold().values())
    call_command("verify_projections", repair=True)

    said = capsys.readouterr().out
    hit = {(each.table, each.key): [name for name, *_ in each.wrong] for each in found}
    rewritten = {key for key, version in versions().items() if version != before[key]}
    tables = {table for table, _ in changed}
    columns = {(table, column) for (table, _), column in changed.items()}
    print(  # noqa: T201 - `manage.py proof folds` reads it
        f"seed={seed} changed={len(changed)} found={len(hit)} "
        f"repaired={len(rewritten)} tables={len(tables)} columns={len(columns)}"
    )
    assert len(changed) == CELLS
    assert hit == {row: [column] for row, column in changed.items()}
    assert rewritten == set(changed)
    assert differences(*registry.every_fold().values()) == []
    assert f"{CELLS} row(s) corrected" in said
    assert tables == {
        fold.name
        for fold in registry.every_fold().values()
        if len(fold.columns) > 1 and written(fold).exists()
    }


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
