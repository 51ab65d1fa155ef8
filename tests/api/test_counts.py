from __future__ import annotations

from uuid import uuid4

import pytest

from projections import reading
from tests.api.problems import problem

PROFILE = "/api/v1/members/me/profile/"
TOP = "/api/v1/activity/top-books/"


def test_a_profile_shows_a_member_in_numbers(reader, a_loan, a_hold, sequenced):
    loan = a_loan(member_id=reader.member_id)
    a_hold(a_loan().book_id, reader.member_id)
    sequenced()

    mine = reader.get(PROFILE).json()

    assert mine["name"].startswith("reader")
    assert [mine["books_borrowed"], mine["open_loans"], mine["open_holds"]] == [1, 1, 1]
    assert (mine["overdue"], mine["balance"]) == (0, 0)
    assert mine["member_id"] == str(loan.member_id)


def test_a_profile_is_shown_as_it_was(reader, a_loan, sequenced):
    sequenced()
    before = reading.last_position()
    a_loan(member_id=reader.member_id)
    sequenced()

    assert reader.get(PROFILE).json()["books_borrowed"] == 1
    assert reader.get(PROFILE, {"as_of": before}).json()["books_borrowed"] == 0


def test_a_profile_is_its_members_and_the_librarians_to_see(
    reader, a_reader, librarian, sequenced
):
    other = a_reader()
    sequenced()
    path = f"/api/v1/members/{other.member_id}/profile/"

    assert reader.get(path).status_code == 404
    assert other.get(path).status_code == librarian.get(path).status_code == 200
    assert librarian.get(f"/api/v1/members/{uuid4()}/profile/").status_code == 404


def test_a_librarian_sees_what_was_lent_on_a_day(librarian, a_loan, now, sequenced):
    a_loan()
    sequenced()

    def counted(**wanted):
        return librarian.get("/api/v1/activity/", wanted).json()["results"]

    day = now.date().isoformat()
    here = {"day": day, "branch_id": None, "category": "reader", "loans": 1}
    assert counted() == counted(first=day, last=day, category="reader") == [here]
    assert counted(last="2026-03-01") == counted(first="2026-03-03") == []
    assert counted(branch=uuid4()) == counted(category="staff") == []


def test_everybody_sees_what_is_read_most(reader, a_book, a_copy, a_loan, sequenced):
    book_id = a_book(title="Saodat")
    for _ in range(2):
        a_loan(a_copy(book_id))
    a_loan()
    sequenced()

    shown = reader.get(TOP).json()["results"]
    march = reader.get(TOP, {"first": "2026-03", "last": "2026-03"}).json()["results"]

    assert shown == march
    assert shown[0] == {"book_id": str(book_id), "title": "Saodat", "loans": 2}
    assert reader.get(TOP, {"first": "2026-04"}).json()["count"] == 0
    assert reader.get(TOP, {"last": "2026-02"}).json()["count"] == 0


@pytest.mark.parametrize("month", ["2026", "2026-13", "2026-3", "0000-01", "march"])
def test_what_is_no_month_is_refused(reader, month):
    problem(reader.get(TOP, {"first": month}), 400, "validation_error")


def test_availability_says_in_which_branch(
    reader, a_branch, a_book, a_copy, a_loan, sequenced
):
    book_id, branch_id = a_book(), a_branch()
    a_loan(a_copy(book_id))
    sequenced()
    before = reading.last_position()
    a_copy(book_id, branch_id=branch_id)
    sequenced()
    path = f"/api/v1/books/{book_id}/availability/"

    def rows(**wanted):
        found = reader.get(path, wanted).json()["branches"]
        return [(each["branch_id"], each["available"]) for each in found]

    assert rows() == [(None, 0), (str(branch_id), 1)]
    assert rows(as_of=before) == [(None, 0)]
