from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from config.urls import api
from library.catalog import books
from library.lending import holds, loans
from library.policies import policies
from outbox.api.views import ApiView
from projections import reading
from tests.api.problems import problem
from tests.api.test_permissions import filled


@pytest.fixture
def between(reader, a_book, a_copy, a_member, a_loan, a_hold, now, sequenced):
    """
    A copy is with the reader, somebody waits; then it is all over.

    Return the book, the loan, the hold and the position in between.
    """
    policies.set_policy(name="fees", now=now, fee_per_day=10)
    book_id = a_book(title="Saodat")
    loan = a_loan(a_copy(book_id), reader.member_id)
    hold = a_hold(book_id)
    sequenced()
    position = reading.last_position()
    books.correct_book(book_id=book_id, title="Asr", authors=("Kimdir",), now=now)
    loans.return_copy(copy_id=loan.copy_id, now=loan.due_at + timedelta(days=1))
    holds.cancel_hold(hold_id=hold.hold_id, now=now)
    sequenced()
    return book_id, loan, hold, position


def test_a_book_is_shown_with_its_copies_as_they_were(librarian, between):
    book_id, loan, hold, position = between

    then = librarian.get(f"/api/v1/books/{book_id}/", {"as_of": position}).json()

    (copy,) = then["copies"]
    assert then["title"] == "Saodat"
    assert copy["loan"]["loan_id"] == str(loan.loan_id)
    assert copy["loan"]["member_id"] == str(loan.member_id)
    assert copy["hold"] is None
    assert [(each["hold_id"], each["position"]) for each in then["waiting"]] == [
        (str(hold.hold_id), 1)
    ]


def test_a_reader_is_not_told_with_whom_a_copy_was(reader, a_reader, between):
    book_id, _, _, position = between
    path, query = f"/api/v1/books/{book_id}/", {"as_of": position}

    mine, theirs = reader.get(path, query).json(), a_reader().get(path, query).json()

    assert mine["copies"][0]["loan"]["member_id"] == str(reader.member_id)
    assert mine["waiting"][0]["member_id"] is None
    assert theirs["copies"][0]["loan"]["member_id"] is None


def test_a_book_of_today_has_an_etag_and_one_of_yesterday_has_none(reader, between):
    book_id, _, _, position = between
    path = f"/api/v1/books/{book_id}/"

    today, then = reader.get(path), reader.get(path, {"as_of": position})

    assert today["ETag"] == '"2"'
    assert "copies" not in today.json()
    assert "ETag" not in then


def test_a_book_that_was_not_there_yet_is_unknown(reader, between):
    book_id, *_ = between

    answer = reader.get(f"/api/v1/books/{book_id}/", {"as_of": 1})

    problem(answer, 404, "unknown_book")


def test_the_queue_of_a_book_is_shown_as_it_was(librarian, between):
    book_id, _, hold, position = between
    query = {"book": str(book_id), "open": "true"}

    today = librarian.get("/api/v1/holds/", query).json()
    then = librarian.get("/api/v1/holds/", {**query, "as_of": position}).json()

    assert today["count"] == 0
    (shown,) = then["results"]
    assert (shown["id"], shown["position"]) == (str(hold.hold_id), 1)
    assert (shown["status"], shown["title"]) == ("waiting", "Saodat")


def test_a_reader_sees_only_his_own_place_in_a_queue_of_then(reader, between):
    book_id, _, _, position = between

    then = reader.get("/api/v1/holds/", {"book": book_id, "as_of": position})

    assert then.json()["count"] == 0


def test_an_account_is_shown_as_it_was(reader, between):
    *_, position = between

    today = reader.get("/api/v1/members/me/account/").json()
    then = reader.get("/api/v1/members/me/account/", {"as_of": position}).json()

    assert (today["balance"], today["loans"]) == (10, [])
    assert [each["amount"] for each in today["fees"]] == [10]
    assert (then["balance"], then["fees"]) == (0, [])
    assert [each["title"] for each in then["loans"]] == ["Saodat"]


def test_the_account_of_now_knows_what_has_no_position_yet(reader, a_copy):
    reader.post("/api/v1/loans/", {"copy_id": str(a_copy())})

    account = reader.get("/api/v1/members/me/account/").json()

    assert len(account["loans"]) == 1


def test_an_account_is_its_members_and_the_librarians_to_see(
    reader, a_reader, librarian, between
):
    _, _, hold, position = between
    path = f"/api/v1/members/{hold.member_id}/account/"

    then = librarian.get(path, {"as_of": position}).json()

    assert [each["hold_id"] for each in then["holds"]] == [str(hold.hold_id)]
    assert reader.get(path).status_code == 404
    assert reader.get(f"/api/v1/members/{reader.member_id}/account/").status_code == 200
    assert librarian.get(f"/api/v1/members/{uuid4()}/account/").status_code == 404


WIDE = sorted(
    f"/api/v1/{each.pattern}"
    for each in api
    if issubclass(view := each.callback.view_class, ApiView)
    and hasattr(view, "get")
    and not view.looks_back
)


def test_wide_questions_are_found():
    assert {"/api/v1/loans/", "/api/v1/books/search/", "/api/v1/books/"} <= set(WIDE)


@pytest.mark.parametrize("path", WIDE)
def test_what_cannot_be_shown_as_it_was_says_so(librarian, path):
    answer = librarian.get(filled(path), {"as_of": 0})

    problem(answer, 400, "as_of_too_wide")


def test_the_holds_of_all_books_cannot_be_shown_as_they_were(librarian):
    problem(librarian.get("/api/v1/holds/", {"as_of": 0}), 400, "as_of_too_wide")
