from __future__ import annotations

import io
import json
import threading
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, transaction
from django.db.models.signals import pre_delete

from library.catalog.models import Book, Copy
from library.lending import loans
from library.lending.models import Loan
from library.members.models import Member
from outbox import gate, sequencer
from outbox.apply import insert, written
from outbox.errors import OutsideTransaction, WriteOutsideAdvance
from outbox.folds import domain_folds
from projections import feed, progress, registry, replay
from projections.models import Checkpoint, DueLoan
from projections.questions.availability import availability
from projections.questions.due_loans import due_loans
from projections.rebuild import rebuild_read_model, replay_domain
from projections.verify import differences
from tests.threads import in_thread


@pytest.fixture
def some_history(db, a_loan, a_copy, now):
    """Two loans, one of them returned, all of it read by the read models."""
    first, second = a_loan(), a_loan()
    loans.return_copy(copy_id=first.copy_id, now=now + timedelta(days=1))
    a_copy(second.book_id)
    sequencer.sequence_all()
    feed.catch_up_all()
    return first, second


def rows_of(fold):
    rows = written(fold).values_list(*fold.columns, named=True)
    return {fold.key_of(row): row for row in rows}


READ_MODELS = ["availability", "shelves", "due_loans"]


@pytest.mark.parametrize("name", READ_MODELS)
def test_a_rebuilt_read_model_is_what_it_was_live(some_history, name):
    fold = registry.read_models()[name]
    live = rows_of(fold)

    done = rebuild_read_model(fold)

    assert rows_of(fold) == live
    assert done.rows == len(live) > 0
    assert Checkpoint.objects.get(name=name).position == done.events


def test_every_read_model_is_tried_above():
    assert list(registry.read_models()) == READ_MODELS


def test_a_rebuild_mends_rows_and_goes_on_from_where_it_ended(some_history, a_loan):
    written(due_loans).all().delete()
    written(availability).update(title="scribbled over")

    call_command("rebuild_projections")
    a_loan()
    sequencer.sequence_all()
    feed.catch_up_all()

    assert DueLoan.objects.count() == 2
    assert not differences(*registry.read_models().values())


def test_a_rebuild_that_fails_changes_nothing(some_history, monkeypatch):
    monkeypatch.setattr(replay, "fold_all", _explode)

    with pytest.raises(CommandError, match=r"due_loans cannot take the .*no such row"):
        call_command("rebuild_projections", "due_loans")

    assert DueLoan.objects.count() == 1


def _explode(fold, rows, events):
    raise KeyError("no such row")


def test_an_unknown_name_is_refused_with_all_there_are(db):
    with pytest.raises(CommandError) as refusal:
        call_command("rebuild_projections", "due_loans", "shelf")

    assert "'shelf'" in str(refusal.value)
    assert "availability, shelves, due_loans, catalog_branch" in str(refusal.value)


def test_a_program_gets_one_json_object(some_history, capsys):
    call_command("rebuild_projections", "shelves", "due_loans", "--json")

    answer = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in answer["rebuilt"]] == ["shelves", "due_loans"]
    assert [each["rows"] for each in answer["rebuilt"]] == [2, 1]


def test_a_person_is_told_how_fast_it_went(some_history, capsys, monkeypatch):
    monkeypatch.setattr(progress, "EVERY", 0)

    call_command("rebuild_projections", "shelves")

    told = capsys.readouterr()
    assert told.out.startswith("shelves: 10 events, 2 rows, ")
    assert told.err == "shelves: 10 of 10 events\n"


def test_a_terminal_shows_a_bar(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    terminal = io.StringIO()
    terminal.isatty = lambda: True

    with progress.shown("shelves", terminal) as tell:
        tell(500, 1000)

    assert "shelves" in terminal.getvalue()
    assert "500/1000" in terminal.getvalue()


def test_the_domain_replayed_is_what_it_was(some_history):
    before = {fold.name: rows_of(fold) for fold in domain_folds()}

    done = replay_domain()

    assert {fold.name: rows_of(fold) for fold in domain_folds()} == before
    assert done.rows == sum(map(len, before.values()))
    assert Loan.objects.open().count() == 1


def test_a_replay_brings_back_deleted_rows(some_history):
    for fold in reversed(domain_folds()):
        written(fold).all().delete()

    call_command("rebuild_projections", "lending_loan")

    assert [m.objects.count() for m in (Book, Copy, Member, Loan)] == [2, 3, 2, 2]


def test_a_replay_folds_what_waits_for_its_position(some_history, a_book, monkeypatch):
    waiting = a_book(title="waits for its position")
    # Another relay is at it, and has not come to this one yet.
    monkeypatch.setattr(sequencer, "sequence_all", lambda: 0)

    replay_domain()

    assert Book.objects.filter(id=waiting).exists()
    assert not differences(*domain_folds())


def test_verifying_names_the_rows_and_columns_that_differ(some_history, capsys):
    _, second = some_history
    written(availability).filter(book_id=second.book_id).update(copies=7)
    written(due_loans).all().delete()

    with pytest.raises(CommandError, match=r"2 row\(s\) differ"):
        call_command("verify_projections")

    said = capsys.readouterr().out
    assert f"availability {second.book_id}: differs in copies (7, should be 2)" in said
    assert f"due_loans {second.loan_id}: missing" in said
    assert "shelves: nothing differs" in said
    assert "domain: nothing differs" in said


def test_verifying_finds_a_row_that_no_event_made(some_history):
    first, _ = some_history
    ids = {name: getattr(first, name) for name in due_loans.columns}
    insert(due_loans, [due_loans.Row(**ids)])

    (found,) = differences(due_loans)

    assert str(found) == f"due_loans {first.loan_id}: should not be there"


def test_verifying_a_whole_house_needs_no_transaction_of_the_caller(
    committed_db, a_loan, capsys
):
    a_loan()
    sequencer.sequence_all()
    feed.catch_up_all()

    call_command("verify_projections", "lending_loan", "due_loans")

    assert "due_loans: nothing differs" in capsys.readouterr().out


def test_a_read_model_refuses_other_writers(some_history):
    with pytest.raises(WriteOutsideAdvance):
        DueLoan.objects.all().delete()


@pytest.fixture
def under_way(committed_db):
    """Keep an operation of another thread under way until the block ends."""
    inside, may_leave = threading.Event(), threading.Event()

    @contextmanager
    def begin(operation):
        def run():
            with transaction.atomic():
                operation()
                inside.set()
                may_leave.wait(10)

        thread = in_thread(run)
        assert inside.wait(10)
        yield
        may_leave.set()
        thread.join()

    return begin


def test_a_replay_waits_for_the_operations_under_way(under_way, a_book):
    with under_way(lambda: a_book(title="under way")):
        replaying = in_thread(replay_domain)
        replaying.join(0.4)
        waits = replaying.is_alive()
    replaying.join()

    assert waits
    assert Book.objects.get().title == "under way"


def test_an_operation_gets_in_while_a_replay_waits(under_way, a_book):
    with under_way(gate.enter):
        replaying = in_thread(replay_domain)
        a_book(title="between two tries")
        still_waits = replaying.is_alive()
    replaying.join()

    assert still_waits
    assert Book.objects.get().title == "between two tries"


def test_whoever_cannot_get_in_alone_says_so(under_way, monkeypatch):
    monkeypatch.setattr(gate, "PATIENCE", 0)

    with under_way(gate.enter), pytest.raises(OperationalError, match="lock timeout"):
        replay_domain()


def test_nobody_waits_for_long_after_having_got_in_alone(db):
    gate.enter_alone()

    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)


def test_the_gate_is_held_by_a_transaction_only(committed_db):
    with pytest.raises(OutsideTransaction):
        gate.enter_alone()


def test_a_replay_deletes_nothing_that_refers_to_its_rows(db, a_loan):
    # Django deletes what has on_delete=CASCADE, other apps' rows too, by collecting
    # them; it says so to this signal for each row it collects.
    collected = []

    def note(sender, **kwargs):
        collected.append(sender)

    a_loan()
    pre_delete.connect(note)
    try:
        replay_domain()
    finally:
        pre_delete.disconnect(note)

    assert collected == []
    assert Loan.objects.count() == 1
