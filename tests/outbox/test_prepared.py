"""Statements whose plan is kept."""

from __future__ import annotations

import psycopg
from django.db import connection
from django.test.utils import CaptureQueriesContext

from library.catalog.state import copies as copies_fold
from library.lending.models import Loan
from library.lending.state import loans as loans_fold
from outbox import prepared
from outbox.apply import written
from projections.rebuild import rebuild

OFTEN = 8


def test_what_is_said_often_has_its_plan_kept(db, a_loan):
    for _ in range(OFTEN):
        a_loan()

    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        kept = [statement for (statement,) in cursor]

    for told in (
        "INSERT INTO outbox_event",
        'INSERT INTO "lending_loan"',
        "FOR NO KEY",
    ):
        assert [each for each in kept if told in each], told


def test_where_a_pooler_shares_sessions_out_no_plan_is_kept(db, monkeypatch):
    monkeypatch.setattr(connection.connection, "prepare_threshold", None)

    for _ in range(OFTEN):
        with prepared.cursor() as cursor:
            cursor.execute("SELECT %s::text || 'shared'", ["is "])
            assert cursor.fetchone() == ("is shared",)

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement ~ 'shared'"
        )
        assert cursor.fetchone() == (0,)


def test_its_questions_are_counted_as_all_others_are(db):
    with CaptureQueriesContext(connection) as asked, prepared.cursor() as cursor:
        cursor.execute("SELECT %s::int", [7])

    assert len(asked) == 1


def test_a_kept_plan_follows_a_table_that_was_rebuilt(committed_db, a_loan, a_member):
    member_id = a_member()
    for _ in range(OFTEN):
        a_loan()
    first = a_loan(member_id=member_id)

    rebuild(loans_fold, copies_fold)
    second = a_loan(member_id=member_id)

    mine = Loan.objects.filter(member=member_id)
    assert {loan.id for loan in mine} == {first.loan_id, second.loan_id}
    assert written(loans_fold).count() == OFTEN + 2


def test_a_connection_that_died_meanwhile_is_replaced(committed_db):
    with prepared.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()
    with psycopg.connect(committed_db, autocommit=True) as another:
        another.execute("SELECT pg_terminate_backend(%s, 5000)", pid)
    connection.close_if_unusable_or_obsolete()  # as a request begins

    with prepared.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        assert cursor.fetchone() != pid
