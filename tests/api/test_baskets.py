from __future__ import annotations

from uuid import uuid4

import pytest

from library.lending.models import Loan
from outbox.models import Command, Event
from tests.api.problems import problem

BASKET = "/api/v1/loans/basket/"
RENEW_ALL = "/api/v1/loans/renew-all/"


@pytest.fixture
def copies(a_copy, a_loan):
    """One copy by its id, one by its barcode, and one that somebody else has."""
    a_copy(barcode="KT-1")
    return [
        {"copy_id": str(a_copy())},
        {"barcode": "kt-1"},
        {"copy_id": str(a_loan().copy_id)},
    ]


def test_a_basket_is_answered_copy_by_copy(reader, copies):
    answer = reader.post(BASKET, {"copies": copies})

    first, second, refused = answer.json()["results"]
    assert answer.status_code == 200
    assert first["loan"]["copy_id"] == copies[0]["copy_id"]
    assert second["loan"]["barcode"] == "KT-1"
    assert (first["done"], first["reasons"]) == (True, [])
    assert (refused["done"], refused["loan"]) == (False, None)
    (reason,) = refused["reasons"]
    assert reason["code"] == "copy_on_loan"
    assert reason["facts"]["copy_id"] == copies[2]["copy_id"]
    assert Event.objects.get(id=answer["Consistency-Token"]).type == "book.borrowed"


def test_all_or_nothing_is_refused_with_every_reason(reader, copies):
    answer = reader.post(BASKET, {"copies": copies, "all_or_nothing": True})

    told = problem(answer, 409, "basket_refused")
    assert told["facts"]["refused"] == [{"place": 3, "codes": ["copy_on_loan"]}]
    assert Loan.objects.filter(member=reader.member_id).count() == 0


def test_a_repeated_basket_is_answered_as_before(reader, copies):
    first = reader.keyed(BASKET, {"copies": copies}, "k1")
    again = reader.keyed(BASKET, {"copies": copies}, "k1")

    assert again.json() == first.json()
    assert Loan.objects.filter(member=reader.member_id).count() == 2


def test_a_card_that_lies_in_the_basket_is_written_down_nowhere(librarian):
    librarian.keyed(BASKET, {"copies": [{"barcode": "CARD-7"}]}, "k1")

    assert "CARD-7" not in str(Command.objects.get().answer)


def test_a_reader_fills_no_basket_for_another(reader, librarian, copies, a_member):
    theirs = {"copies": copies[:1], "member_id": a_member()}

    problem(reader.post(BASKET, theirs), 403, "permission_denied")
    (answer,) = librarian.post(BASKET, theirs).json()["results"]
    assert answer["loan"]["member_id"] == str(theirs["member_id"])
    theirs["member_id"] = uuid4()
    problem(librarian.post(BASKET, theirs), 404, "unknown_member")


@pytest.mark.parametrize(
    "given",
    [
        [],
        [{}],
        [{"copy_id": str(uuid4()), "barcode": "KT-1"}],
        [{"copy": "KT-1"}],
        [{"barcode": "KT-1"}] * 51,
        "KT-1",
    ],
)
def test_what_is_no_basket_is_refused(reader, given):
    problem(reader.post(BASKET, {"copies": given}), 400, "validation_error")


def test_all_loans_are_renewed_and_answered_one_by_one(reader, a_loan, a_hold):
    wanted, free = (a_loan(member_id=reader.member_id) for _ in range(2))
    a_hold(wanted.book_id)

    results = reader.keyed(RENEW_ALL, {}, "k1").json()["results"]

    found = {each["loan"]["id"]: each for each in results}
    refused, renewed = found[str(wanted.loan_id)], found[str(free.loan_id)]
    assert [why["code"] for why in refused["reasons"]] == ["on_hold_for_other"]
    assert (renewed["done"], renewed["loan"]["renewals"]) == (True, 1)
    assert reader.keyed(RENEW_ALL, {}, "k1").json()["results"] == results


def test_only_librarians_renew_for_others(reader, librarian, a_loan):
    theirs = {"member_id": a_loan().member_id}

    problem(reader.post(RENEW_ALL, theirs), 403, "permission_denied")
    assert librarian.post(RENEW_ALL, theirs).json()["results"][0]["done"]
