from __future__ import annotations

import io
import json
import os
import re
import threading
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models.signals import pre_delete

from library.catalog.models import Book, Copy
from library.catalog.state import books, copies
from library.lending import loans
from library.lending.models import Loan
from library.lending.state import loans as loans_fold
from library.members.models import Member
from outbox import gate, progress, sequencer
from outbox.apply import insert, written
from outbox.errors import OutsideTransaction, WriteOutsideAdvance
from outbox.folds import domain_folds
from projections import feed, reading, registry, replay, takeover
from projections.errors import CouldNotTakeOver
from projections.models import Checkpoint, DueLoan
from projections.questions.availability import availability
from projections.questions.due_loans import due_loans
from projections.rebuild import rebuild
from projections.verify import differences
from tests.threads import at_once, in_thread


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


READ_MODELS = [
    "availability",
    "shelves",
    "due_loans",
    "search",
    "vocabulary",
    "facet_values",
    "stock",
    "profiles",
    "activity",
    "titles_lent",
]


@pytest.mark.parametrize("name", READ_MODELS)
def test_a_rebuilt_read_model_is_what_it_was_live(some_history, name):
    fold = registry.read_models()[name]
    live = rows_of(fold)

    done = rebuild(fold)

    assert rows_of(fold) == live
    assert done.rows == len(live) > 0
    assert Checkpoint.objects.get(name=name).position == done.position


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


def _explode(fold, rows, events, holds):
    raise KeyError("no such row")


def test_an_unknown_name_is_refused_with_all_there_are(db):
    with pytest.raises(CommandError) as refusal:
        call_command("rebuild_projections", "due_loans", "shelf")

    assert "'shelf'" in str(refusal.value)
    known = ", ".join([*READ_MODELS, "catalog_branch"])
    assert known in str(refusal.value)


def test_a_program_gets_one_json_object(some_history, capsys):
    call_command("rebuild_projections", "shelves", "due_loans", "--json")

    answer = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in answer["rebuilt"]] == ["shelves", "due_loans"]
    assert [each["rows"] for each in answer["rebuilt"]] == [2, 1]


def test_a_person_is_told_how_fast_it_went(some_history, capsys, monkeypatch):
    monkeypatch.setattr(progress, "EVERY", 0)

    call_command("rebuild_projections", "shelves")

    told = capsys.readouterr()
    assert told.out.startswith("shelves: 3 events, 2 rows, ")
    assert re.fullmatch(r"shelves: 10 of 10 events, [\d,]+/s, 0 s left\n", told.err)


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

    done = rebuild(*domain_folds())

    assert {fold.name: rows_of(fold) for fold in domain_folds()} == before
    assert done.rows == sum(map(len, before.values()))
    assert Loan.objects.open().count() == 1


def test_a_replay_brings_back_deleted_rows(some_history):
    for fold in reversed(domain_folds()):
        written(fold).all().delete()

    call_command("rebuild_projections", "domain")

    assert [m.objects.count() for m in (Book, Copy, Member, Loan)] == [2, 3, 2, 2]


def test_a_correction_folds_what_waits_for_its_position(
    some_history, a_book, monkeypatch
):
    waiting = a_book(title="waits for its position")
    written(books).update(title="scribbled over")
    sequence_all, asked = sequencer.sequence_all, []
    # At first another relay is at it, and has not come to this one yet.
    monkeypatch.setattr(
        sequencer,
        "sequence_all",
        lambda: sequence_all() if asked else asked.append("once"),
    )

    rebuild(books)

    assert Book.objects.get(id=waiting).title == "waits for its position"
    assert not differences(books)


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
    assert "lending_loan: nothing differs" in said


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


def test_a_table_in_parts_is_the_same_as_in_one(committed_db, a_loan, now):
    loans_made = [a_loan() for _ in range(12)]
    loans.return_copy(copy_id=loans_made[0].copy_id, now=now + timedelta(days=1))
    sequencer.sequence_all()
    feed.catch_up_all()
    live = {name: rows_of(fold) for name, fold in registry.every_fold().items()}

    call_command("rebuild_projections", "domain", *READ_MODELS, parallel=2, verify=True)

    assert {n: rows_of(fold) for n, fold in registry.every_fold().items()} == live


def test_what_a_worker_process_cannot_fold_is_named(committed_db, a_loan):
    a_loan()
    with connection.cursor() as cursor:  # as an older or a broken program wrote it
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE outbox_event SET data = data - 'due_at'")
    sequencer.sequence_all()

    with pytest.raises(CommandError, match=r"cannot take the book.borrowed .*due_at"):
        call_command("rebuild_projections", "due_loans", parallel=2)

    assert not leftovers()


def leftovers():
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'shadow'")
        return cursor.fetchall()


def test_a_second_rebuild_is_refused_and_told_who_runs_the_first(committed_db, a_loan):
    a_loan()
    inside, may_go = threading.Event(), threading.Event()

    def wait(done, total):
        inside.set()
        may_go.wait(10)

    first = in_thread(lambda: rebuild(due_loans, progress=wait))
    assert inside.wait(10)
    with pytest.raises(CommandError) as refusal:
        call_command("rebuild_projections", "due_loans")
    rebuild(registry.read_models()["shelves"])
    may_go.set()
    first.join()

    assert re.search(
        rf"due_loans is being rebuilt already, by process {os.getpid()} on \S+ since "
        r"\d{4}-",
        str(refusal.value),
    )
    assert rebuild(due_loans).rows == 1


def shape_of(table):
    """Return what a migration would find: columns, indexes, constraints and parts."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT attname::text, format_type(atttypid, atttypmod), attnotnull::text
            FROM pg_attribute
            WHERE attrelid = %(table)s::regclass AND attnum > 0 AND NOT attisdropped
            UNION ALL
            SELECT indexname, indexdef, '' FROM pg_indexes
            WHERE schemaname = 'public' AND tablename = %(table)s
            UNION ALL
            SELECT conname, pg_get_constraintdef(oid), contype::text
            FROM pg_constraint WHERE conrelid = %(table)s::regclass
            UNION ALL
            SELECT indexrelid::regclass::text, part.oid::regclass::text,
                pg_get_expr(relpartbound, part.oid)
            FROM pg_inherits
            JOIN pg_class part ON part.oid = inhrelid
            JOIN pg_index ON indrelid = part.oid
            WHERE inhparent = %(table)s::regclass
            ORDER BY 1, 2, 3
            """,
            {"table": table},
        )
        return cursor.fetchall()


def test_what_is_recorded_during_a_rebuild_is_there_when_it_has_ended(
    some_history, a_loan
):
    recorded = []

    def lend_another(done, total):
        recorded.append(a_loan())
        sequencer.sequence_all()

    rebuild(due_loans, progress=lend_another)

    assert recorded
    assert DueLoan.objects.filter(loan_id=recorded[0].loan_id).exists()
    assert Checkpoint.objects.get(name="due_loans").position == reading.last_position()
    assert not differences(due_loans)


def test_an_exchange_waits_for_whoever_reads_on(under_way, a_loan):
    a_loan()
    sequencer.sequence_all()

    with under_way(lambda: feed.catch_up(due_loans)):
        rebuilding = in_thread(lambda: rebuild(due_loans))
        rebuilding.join(0.6)
        waits = rebuilding.is_alive()
    rebuilding.join()

    assert waits
    assert not differences(due_loans)


def waiting_sessions(table):
    """Return, of each session that waits for a lock, whether it keeps readers out."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT EXISTS (
                SELECT FROM pg_locks held
                WHERE held.pid = waiting.pid AND held.granted
                  AND held.relation = to_regclass(%s)
                  AND held.mode = 'AccessExclusiveLock'
            )
            FROM pg_locks waiting WHERE NOT waiting.granted
            """,
            [table],
        )
        return [keeps_out for (keeps_out,) in cursor.fetchall()]


def test_an_exchange_keeps_no_reader_out_while_it_waits_for_whoever_reads_on(
    under_way, a_loan
):
    a_loan()
    sequencer.sequence_all()
    feed.catch_up(due_loans)

    with under_way(lambda: Checkpoint.objects.lock("due_loans")):
        rebuilding = in_thread(lambda: rebuild(due_loans))
        while not (waits := waiting_sessions("due_loans")):
            rebuilding.join(0.01)
            assert rebuilding.is_alive()
    rebuilding.join()

    assert waits == [False]


def test_a_correction_in_place_waits_for_whoever_reads_on(under_way, a_loan):
    a_loan(), a_loan()
    sequencer.sequence_all()
    feed.catch_up(due_loans)
    written(due_loans).all().delete()

    with under_way(lambda: Checkpoint.objects.lock("due_loans")):
        rebuilding = in_thread(lambda: rebuild(due_loans, in_place=True))
        while not waiting_sessions("due_loans"):
            rebuilding.join(0.01)
            assert rebuilding.is_alive()
        untouched = not DueLoan.objects.exists()
    rebuilding.join()

    assert untouched
    assert DueLoan.objects.count() == 2


@pytest.mark.parametrize("name", READ_MODELS)
def test_an_exchanged_table_has_the_same_columns_indexes_and_constraints(
    some_history, name
):
    before = shape_of(name)

    rebuilt = rebuild(registry.read_models()[name])

    assert rebuilt.corrected is None
    assert len(before) > 4
    assert shape_of(name) == before


def test_a_table_on_which_others_hang_is_corrected_in_place(some_history):
    written(due_loans).all().delete()
    with connection.cursor() as cursor:
        cursor.execute("CREATE VIEW of_somebodys_report AS SELECT * FROM due_loans")

        rebuilt = rebuild(due_loans)

        cursor.execute("SELECT count(*) FROM of_somebodys_report")
        assert cursor.fetchone() == (1,)
    assert rebuilt.corrected == 1


def test_a_table_on_a_part_of_which_others_hang_is_corrected_in_place(some_history):
    with connection.cursor() as cursor:
        cursor.execute("CREATE VIEW of_somebodys_report AS SELECT * FROM search_0")

        rebuilt = rebuild(registry.read_models()["search"])

        cursor.execute("SELECT count(*) FROM of_somebodys_report")
    assert rebuilt.corrected == 0


def test_two_rows_that_have_what_belongs_to_each_other_are_corrected(
    some_history, monkeypatch
):
    monkeypatch.setattr(takeover, "BATCH", 1)
    one, other = written(copies).all()[:2]
    theirs = one.barcode, other.barcode
    for copy, barcode in ((one, "away"), (other, theirs[0]), (one, theirs[1])):
        written(copies).filter(id=copy.id).update(barcode=barcode)

    rebuilt = rebuild(copies)

    assert rebuilt.corrected == 2
    assert not differences(copies)


def test_rows_that_refer_to_each_other_come_back_together(some_history):
    written(loans_fold).all().delete()
    written(copies).all().delete()

    rebuild(*domain_folds())

    assert not differences(*domain_folds())


def test_nobody_is_refused_and_no_event_is_lost_while_tables_are_rebuilt(
    committed_db, a_copy, a_member, now
):
    stock = [(a_copy(), a_member()) for _ in range(4)]
    over = threading.Event()
    done = []

    def lend_and_take_back(number):
        if number == len(stock):
            call_command("rebuild_projections", "domain", *READ_MODELS, json=True)
            call_command("rebuild_projections", "domain", *READ_MODELS, json=True)
            return over.set()
        copy_id, member_id = stock[number]
        while not over.is_set():
            loans.borrow_copy(copy_id=copy_id, member_id=member_id, now=now)
            loans.return_copy(copy_id=copy_id, now=now)
            sequencer.sequence_all()
            feed.catch_up_all()
            done.append(copy_id)
        return None

    answers = at_once(len(stock) + 1, lend_and_take_back)
    sequencer.sequence_all()
    feed.catch_up_all()

    assert answers == [None] * len(answers)
    assert set(done) == {copy_id for copy_id, _ in stock}
    assert not differences(*registry.every_fold().values())


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


@pytest.fixture
def a_wrong_title(committed_db, a_book):
    """Scribble over a book's row, so that there is something to correct."""
    book = a_book(title="as it was recorded")
    written(books).filter(id=book).update(title="scribbled over")
    return book


def rebuild_books():
    rebuild(books)


def test_a_correction_waits_for_the_operations_under_way(
    under_way, a_book, a_wrong_title
):
    with under_way(lambda: a_book(title="under way")):
        rebuilding = in_thread(rebuild_books)
        rebuilding.join(0.6)
        waits = rebuilding.is_alive()
    rebuilding.join()

    titles = {book.title for book in Book.objects.all()}
    assert waits
    assert titles == {"as it was recorded", "under way"}


def test_an_operation_gets_in_while_a_correction_waits(
    under_way, a_book, a_wrong_title
):
    with under_way(gate.enter):
        rebuilding = in_thread(rebuild_books)
        a_book(title="between two tries")
        still_waits = rebuilding.is_alive()
    rebuilding.join()

    assert still_waits
    assert Book.objects.filter(title="between two tries").exists()
    assert not differences(books)


def test_where_nothing_differs_no_operation_is_waited_for(under_way, a_book):
    with under_way(lambda: a_book(title="under way")):
        rebuilt = rebuild(books)

    assert rebuilt.corrected == 0


def test_whoever_cannot_get_in_alone_says_so(under_way, monkeypatch, a_wrong_title):
    monkeypatch.setattr(gate, "PATIENCE", 0)
    monkeypatch.setattr(takeover, "PATIENCE", 0)

    with (
        under_way(gate.enter),
        pytest.raises(CouldNotTakeOver, match="catalog_book could not be taken over"),
    ):
        rebuild_books()


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
        rebuild(*domain_folds())
    finally:
        pre_delete.disconnect(note)

    assert collected == []
    assert Loan.objects.count() == 1
