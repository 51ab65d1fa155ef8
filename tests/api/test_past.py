from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from library.catalog import books
from library.lending import loans
from projections import reading
from tests.api.problems import problem


@pytest.fixture
def a_returned_loan(reader, a_loan, now, sequenced):
    """Lend and take back; return the loan and the position in between."""
    loan = a_loan(member_id=reader.member_id)
    sequenced()
    between = reading.last_position()
    loans.return_copy(copy_id=loan.copy_id, now=now + timedelta(days=1))
    books.correct_book(
        book_id=loan.book_id, title="Another", authors=("Kimdir",), now=now
    )
    sequenced()
    return loan, between


def test_a_shelf_is_shown_as_it_was_with_the_titles_of_then(reader, a_returned_loan):
    loan, between = a_returned_loan

    today = reader.get("/api/v1/members/me/shelf/")
    then = reader.get("/api/v1/members/me/shelf/", {"as_of": between})
    before = reader.get("/api/v1/members/me/shelf/", {"as_of": between - 1})

    assert today.json()["results"] == before.json()["results"] == []
    (shown,) = then.json()["results"]
    assert shown["loan_id"] == str(loan.loan_id)
    assert shown["title"] == "Oʻtkan kunlar"


def test_what_was_brought_back_later_is_not_brought_back_yet(reader, a_returned_loan):
    _, between = a_returned_loan

    shelf = reader.get(
        "/api/v1/members/me/shelf/", {"as_of": between, "returned": "true"}
    )

    assert shelf.json()["count"] == 0


def test_availability_is_shown_as_it_was(reader, a_returned_loan):
    loan, between = a_returned_loan
    path = f"/api/v1/books/{loan.book_id}/availability/"

    assert reader.get(path).json()["available"] == 1
    assert reader.get(path, {"as_of": between}).json()["available"] == 0
    assert reader.get(path, {"as_of": "2000-01-01T00:00:00Z"}).status_code == 404


def test_a_moment_to_come_is_refused(reader, a_returned_loan):
    end = reading.last_position()

    for moment in (end + 1, "2999-01-01T00:00:00Z"):
        answer = reader.get("/api/v1/members/me/shelf/", {"as_of": moment})

        assert problem(answer, 400, "as_of_not_yet")


@pytest.mark.parametrize("moment", ["yesterday", "-1", "1.5", "", "9" * 30])
def test_what_is_no_moment_is_refused(reader, moment):
    answer = reader.get("/api/v1/members/me/shelf/", {"as_of": moment})

    assert problem(answer, 400, "validation_error")["errors"][0]["field"] == "as_of"


def test_what_would_fold_the_whole_log_is_refused_by_name(librarian):
    answer = librarian.get("/api/v1/loans/overdue/", {"as_of": 0})

    assert problem(answer, 400, "as_of_too_wide")


def test_a_row_is_explained_by_its_events(librarian, a_returned_loan):
    loan, between = a_returned_loan
    path = f"/api/v1/tables/lending_loan/{loan.loan_id}/"

    today = librarian.get(path).json()
    then = librarian.get(path, {"as_of": between}).json()

    assert [each["type"] for each in today["events"]] == [
        "book.borrowed",
        "book.returned",
    ]
    assert today["events"][1]["before"] == {"returned_at": None, "outcome": ""}
    assert set(today["events"][1]["after"]) == {"returned_at", "outcome"}
    assert today["row"]["returned_at"] is not None
    assert then["row"]["returned_at"] is None
    assert len(then["events"]) == 1


def test_a_row_that_has_ended_is_still_explained(librarian, a_returned_loan):
    loan, _ = a_returned_loan

    shown = librarian.get(f"/api/v1/tables/due_loans/{loan.loan_id}/").json()

    assert shown["row"] is None
    assert shown["events"][1]["after"] is None


def test_nobody_but_staff_is_shown_why(reader, a_returned_loan):
    loan, _ = a_returned_loan

    answer = reader.get(f"/api/v1/tables/lending_loan/{loan.loan_id}/")

    assert answer.status_code == 403


@pytest.mark.parametrize("table", ["lending_loan", "members_user"])
def test_a_row_that_no_event_made_is_not_there(librarian, table):
    answer = librarian.get(f"/api/v1/tables/{table}/{uuid4()}/")

    assert answer.status_code == 404
