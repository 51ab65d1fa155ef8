from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from library.lending.models import Loan
from outbox.models import Event
from tests.api.problems import problem

LOANS = "/api/v1/loans/"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_reader_borrows_and_returns(reader, a_copy):
    copy_id = a_copy()

    made = reader.post(LOANS, {"copy_id": copy_id})
    loan = made.json()

    assert made.status_code == 201
    assert (loan["copy_id"], loan["member_id"]) == (
        str(copy_id),
        str(reader.member_id),
    )
    assert loan["title"] == "Oʻtkan kunlar"
    assert Event.objects.get(id=made["Consistency-Token"]).type == "book.borrowed"
    assert reader.get(f"{LOANS}{loan['id']}/").json() == loan

    back = reader.post(f"{LOANS}{loan['id']}/return/")

    assert back.status_code == 200
    assert back.json()["returned_at"]
    assert Event.objects.get(id=back["Consistency-Token"]).type == "book.returned"


def test_a_librarian_lends_to_anybody_and_takes_back(librarian, a_copy, a_member):
    member_id = a_member()

    made = librarian.post(LOANS, {"copy_id": a_copy(), "member_id": member_id})

    assert made.json()["member_id"] == str(member_id)
    back = librarian.post(f"{LOANS}{made.json()['id']}/return/")
    assert back.status_code == 200


def test_a_reader_names_himself_but_nobody_else(reader, a_copy, a_member):
    mine = {"copy_id": a_copy(), "member_id": reader.member_id}
    theirs = {"copy_id": a_copy(), "member_id": a_member()}

    assert reader.post(LOANS, mine).status_code == 201
    problem(reader.post(LOANS, theirs), 403, "permission_denied")
    assert Loan.objects.count() == 1


def test_the_loan_of_another_is_not_there(reader, a_loan):
    loan = a_loan()

    problem(reader.get(f"{LOANS}{loan.loan_id}/"), 404, "unknown_loan")
    problem(reader.post(f"{LOANS}{loan.loan_id}/return/"), 404, "unknown_loan")
    assert Loan.objects.open().count() == 1


def test_a_reader_lists_his_own_loans_and_a_librarian_all(reader, librarian, a_loan):
    mine = str(a_loan(member_id=reader.member_id).loan_id)
    theirs = a_loan()

    def ids(client, **query):
        answer = client.get(LOANS, query)
        return {loan["id"] for loan in answer.json()["results"]}

    assert ids(reader) == {mine}
    assert ids(reader, member=str(theirs.member_id)) == set()
    assert ids(librarian) == {mine, str(theirs.loan_id)}
    assert ids(librarian, member=str(reader.member_id)) == {mine}


def test_loans_are_listed_open_or_closed(reader, a_loan):
    for _ in range(2):
        a_loan(member_id=reader.member_id)
    loan_id = str(Loan.objects.first().id)
    reader.post(f"{LOANS}{loan_id}/return/")

    def ids(**query):
        return {loan["id"] for loan in reader.get(LOANS, query).json()["results"]}

    assert ids(open="false") == {loan_id}
    assert loan_id not in ids(open="true")
    assert len(ids(open="true")) == 1
    assert len(ids()) == 2


def test_the_shelf_shows_what_is_at_home_and_what_was(reader, a_loan, sequenced):
    shelf = "/api/v1/members/me/shelf/"
    loan = a_loan(member_id=reader.member_id)
    a_loan()
    sequenced()

    at_home = reader.get(shelf).json()["results"]

    assert [row["loan_id"] for row in at_home] == [str(loan.loan_id)]
    assert at_home[0]["title"] == "Oʻtkan kunlar"
    assert reader.get(shelf, {"returned": "true"}).json()["count"] == 0

    reader.post(f"{LOANS}{loan.loan_id}/return/")
    sequenced()

    assert reader.get(shelf).json()["count"] == 0
    assert reader.get(shelf, {"returned": "true"}).json()["count"] == 1


def test_overdue_loans_are_shown_to_whom_they_concern(
    reader, librarian, a_loan, sequenced
):
    mine = a_loan(member_id=reader.member_id, now=LONG_AGO)
    theirs = a_loan(now=LONG_AGO - timedelta(days=1))
    a_loan(member_id=reader.member_id, now=datetime.now(UTC))
    sequenced()

    own = reader.get(f"{LOANS}overdue/").json()["results"]
    everybody = librarian.get(f"{LOANS}overdue/").json()["results"]

    assert [row["loan_id"] for row in own] == [str(mine.loan_id)]
    assert [row["loan_id"] for row in everybody] == [
        str(theirs.loan_id),
        str(mine.loan_id),
    ]
    assert everybody[0]["member_name"].startswith("reader")
    assert everybody[0]["title"] == "Oʻtkan kunlar"


class TestRefusals:
    def test_a_copy_on_loan(self, reader, a_loan):
        loan = a_loan()

        found = problem(
            reader.post(LOANS, {"copy_id": loan.copy_id}), 409, "copy_on_loan"
        )

        assert found["facts"]["copy_id"] == str(loan.copy_id)
        assert datetime.fromisoformat(found["facts"]["due_at"]) == loan.due_at

    def test_a_copy_that_is_at_home_already(self, reader, a_loan):
        loan = a_loan(member_id=reader.member_id)

        answer = reader.post(LOANS, {"copy_id": loan.copy_id})

        problem(answer, 409, "already_on_loan_to_member")

    @pytest.mark.parametrize(("limit", "status"), [(2, 201), (1, 409)])
    def test_the_limit_of_loans(self, reader, a_loan, a_copy, settings, limit, status):
        a_loan(member_id=reader.member_id)
        settings.LENDING = {"LOAN_DAYS": 28, "LOAN_LIMIT": limit}

        answer = reader.post(LOANS, {"copy_id": a_copy()})

        assert answer.status_code == status
        if status == 409:
            found = problem(answer, 409, "loan_limit")
            assert found["facts"] == {"open_loans": 1, "limit": 1}

    def test_every_reason_is_named(self, reader, a_loan, settings):
        settings.LENDING = {"LOAN_DAYS": 28, "LOAN_LIMIT": 1}
        a_loan(member_id=reader.member_id)

        answer = reader.post(LOANS, {"copy_id": a_loan().copy_id})

        reasons = problem(answer, 409, "copy_on_loan")["reasons"]
        assert [reason["code"] for reason in reasons] == ["copy_on_loan", "loan_limit"]

    def test_a_copy_or_member_there_is_not(self, librarian, a_copy):
        nobody = {"copy_id": a_copy(), "member_id": uuid4()}

        problem(librarian.post(LOANS, {"copy_id": uuid4()}), 404, "unknown_copy")
        problem(librarian.post(LOANS, nobody), 404, "unknown_member")

    def test_a_loan_that_is_closed(self, reader, a_loan):
        path = f"{LOANS}{a_loan(member_id=reader.member_id).loan_id}/return/"
        reader.post(path)

        problem(reader.post(path), 409, "already_returned")

    def test_a_refusal_records_nothing(self, reader, a_loan):
        loan = a_loan()
        before = Event.objects.count()

        reader.post(LOANS, {"copy_id": loan.copy_id})

        assert Event.objects.count() == before


def test_a_reader_renews_his_own_loan_and_no_other(reader, a_loan):
    mine = a_loan(member_id=reader.member_id, now=datetime.now(UTC))
    theirs = a_loan()

    renewed = reader.post(f"{LOANS}{mine.loan_id}/renew/")

    assert renewed.status_code == 200
    assert renewed.json()["renewals"] == 1
    due_at = datetime.fromisoformat(renewed.json()["due_at"])
    assert due_at == mine.due_at + timedelta(days=28)
    problem(reader.post(f"{LOANS}{theirs.loan_id}/renew/"), 404, "unknown_loan")


def test_a_renewal_is_refused_with_its_reason(reader, a_loan):
    path = f"{LOANS}{a_loan(member_id=reader.member_id).loan_id}/renew/"
    for _ in range(3):
        reader.post(path)

    problem(reader.post(path), 409, "renewals_used")


def test_a_librarian_changes_a_due_date_and_a_reader_does_not(
    reader, librarian, a_loan
):
    loan = a_loan(member_id=reader.member_id)
    path = f"{LOANS}{loan.loan_id}/due-date/"
    day = (datetime.now(UTC) + timedelta(days=30)).date()

    problem(reader.post(path, {"due_on": day}), 403, "permission_denied")
    answer = librarian.post(path, {"due_on": day})

    assert answer.json()["due_at"][:10] == str(day)
    assert Event.objects.get(id=answer["Consistency-Token"]).type == "book.due_changed"
    problem(librarian.post(path, {"due_on": day}), 409, "due_then_already")
    told = problem(
        librarian.post(path, {"due_on": "1999-01-01"}), 400, "invalid_due_date"
    )
    assert told["errors"][0]["field"] == "due_on"
    problem(librarian.post(path, {"due_on": "soon"}), 400, "validation_error")
    unknown = f"{LOANS}{uuid4()}/due-date/"
    problem(librarian.post(unknown, {"due_on": day}), 404, "unknown_loan")
