from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from library.catalog.models import Book
from library.lending import start_of_day
from library.lending.models import Loan
from library.policies import policies
from outbox.models import Command, Event
from tests.api.problems import problem

BOOKS = "/api/v1/books/"
LOANS = "/api/v1/loans/"
BOOK = {"title": "Chinor", "authors": ["Asqad Muxtor"]}


def test_a_repeat_answers_as_before_and_does_nothing(librarian):
    first = librarian.keyed(BOOKS, BOOK, "k1")
    events = Event.objects.count()

    again = librarian.keyed(BOOKS, BOOK, "k1")

    assert (again.status_code, again.json()) == (201, first.json())
    assert again["Consistency-Token"] == first["Consistency-Token"]
    assert Book.objects.count() == 1
    assert Event.objects.count() == events


def test_a_repeat_shows_the_thing_as_it_is_now(librarian):
    book = librarian.keyed(BOOKS, BOOK, "k1").json()
    librarian.delete(f"{BOOKS}{book['id']}/")

    again = librarian.keyed(BOOKS, BOOK, "k1")

    assert again.status_code == 201
    assert again.json()["withdrawn_at"]


def test_without_a_key_each_request_is_a_new_one(librarian):
    librarian.post(BOOKS, BOOK)
    librarian.post(BOOKS, BOOK)

    assert Book.objects.count() == 2
    assert not Command.objects.exists()


def test_the_key_with_another_body_is_refused(librarian):
    librarian.keyed(BOOKS, BOOK, "k1")

    answer = librarian.keyed(BOOKS, BOOK | {"title": "Tushlar"}, "k1")

    problem(answer, 422, "idempotency_key_reused")
    assert Book.objects.count() == 1


def test_the_key_of_another_user_is_another_key(reader, a_reader, a_copy):
    other = a_reader()

    for client in (reader, other):
        answer = client.keyed(LOANS, {"copy_id": a_copy()}, "k1")
        assert answer.status_code == 201
        assert answer.json()["member_id"] == str(client.member_id)


def test_the_key_on_another_path_is_another_key(librarian, a_loan):
    loan, other = a_loan(), a_loan()

    for each in (loan, other):
        path = f"{LOANS}{each.loan_id}/return/"
        assert librarian.keyed(path, {}, "k1").status_code == 200
        assert librarian.keyed(path, {}, "k1").status_code == 200

    assert not Loan.objects.open().exists()


def test_what_was_refused_may_be_tried_again(reader, librarian, a_loan):
    loan = a_loan()
    given = {"copy_id": loan.copy_id}
    problem(reader.keyed(LOANS, given, "k1"), 409, "copy_on_loan")
    librarian.post(f"{LOANS}{loan.loan_id}/return/")

    answer = reader.keyed(LOANS, given, "k1")

    assert answer.status_code == 201
    assert reader.keyed(LOANS, given, "k1").json() == answer.json()


def test_what_is_kept_of_a_command_is_ids_and_a_status(librarian):
    made = librarian.keyed(BOOKS, BOOK, "k1")

    command = Command.objects.get()
    assert command.answer == {"id": made.json()["id"], "status": 201}
    assert [str(each) for each in command.events] == [made["Consistency-Token"]]
    assert "Chinor" not in str(vars(command))


@pytest.mark.parametrize("key", ["", "a" * 256, "kalit-oʻ".encode(), "a\tb", "\x7f"])
def test_a_key_that_cannot_be_is_refused(librarian, key):
    key = key.decode("latin-1") if isinstance(key, bytes) else key

    answer = librarian.generic(
        "POST", BOOKS, "{}", "application/json", headers={"Idempotency-Key": key}
    )
    full = librarian.keyed(BOOKS, BOOK, key)

    problem(answer, 400, "validation_error")
    problem(full, 400, "invalid_idempotency_key")
    assert not Book.objects.exists()


@pytest.mark.parametrize("key", ["k", "a" * 255, '"quoted key"'])
def test_a_key_that_can_be_is_taken(librarian, key):
    assert librarian.keyed(BOOKS, BOOK, key).status_code == 201


def test_two_at_once_with_one_key_make_one(committed_db, a_librarian):
    librarian = a_librarian()
    together = threading.Barrier(2)
    answers = []

    def ask():
        together.wait()
        answers.append(librarian.keyed(BOOKS, BOOK, "k1"))
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert Book.objects.count() == 1


def test_a_refused_first_lets_the_second_in(committed_db, a_librarian, a_loan):
    """Two with one key, the first of which is refused: its note goes with it."""
    librarian = a_librarian()
    loan = a_loan()
    problem(
        librarian.keyed(LOANS, {"copy_id": loan.copy_id}, "k1"), 409, "copy_on_loan"
    )
    assert not Command.objects.exists()

    assert librarian.keyed(f"{LOANS}{loan.loan_id}/return/", {}, "k1").json()


def test_a_repeat_costs_little(librarian):
    librarian.keyed(BOOKS, BOOK, "k1")

    with CaptureQueriesContext(connection) as queries:
        librarian.keyed(BOOKS, BOOK, "k1")

    assert not [each for each in queries if "INSERT" in each["sql"]]


def test_a_repeat_after_it_was_forgotten_whose_a_loan_was_is_no_fault_of_ours(
    reader, a_copy, now
):
    policies.set_policy(name="none", history_days=0, now=now)
    lend = {"copy_id": a_copy()}
    made = reader.keyed(LOANS, lend, "k1").json()
    reader.post(f"{LOANS}{made['id']}/return/")
    start_of_day.run(now=timezone.now() + timedelta(seconds=1))

    problem(reader.keyed(LOANS, lend, "k1"), 404, "unknown_loan")
