"""Where copies are, over HTTP."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from library.lending.models import Hold, Loan, Transit
from tests.api.problems import problem

API = "/api/v1/"


@pytest.fixture
def here(a_branch):
    return a_branch()


@pytest.fixture
def there(a_branch):
    return a_branch()


@pytest.fixture
def long_ago():
    return timezone.now() - timedelta(days=7)


def test_a_librarian_moves_and_marks_a_copy(librarian, a_copy, here):
    copy_id = a_copy(price=4500)

    moved = librarian.post(f"{API}copies/{copy_id}/move/", {"branch_id": here})
    marked = librarian.post(f"{API}copies/{copy_id}/mark/", {"condition": "missing"})

    assert moved.json()["branch_id"] == str(here)
    assert (marked.json()["condition"], marked.json()["price"]) == ("missing", 4500)
    (sought,) = librarian.get(f"{API}copies/sought/").json()["results"]
    assert (sought["id"], sought["loan_id"]) == (str(copy_id), None)


def test_what_is_odd_about_a_move_or_a_mark_is_refused(librarian, a_copy):
    copy_id = a_copy()
    move, mark = f"{API}copies/{copy_id}/move/", f"{API}copies/{copy_id}/mark/"

    assert librarian.post(move, {}).status_code == 400
    problem(librarian.post(move, {"branch_id": uuid4()}), 404, "unknown_branch")
    assert librarian.post(mark, {"condition": "lost"}).status_code == 400
    assert librarian.post(mark, {}).status_code == 400
    problem(librarian.post(mark, {"condition": ""}), 409, "already_marked")


def test_a_scan_says_where_a_copy_belongs(librarian, a_copy, here, there):
    copy_id = a_copy(branch_id=here)
    scan = f"{API}copies/{copy_id}/scan/"

    elsewhere = librarian.post(scan, {"branch_id": there}).json()
    at_home = librarian.post(scan, {"branch_id": here}).json()
    again = librarian.post(scan, {}).json()

    assert (elsewhere["status"], elsewhere["branch_id"]) == ("in_transit", str(here))
    assert at_home == again
    assert again["status"] == "on_shelf"
    problem(librarian.post(scan, {"branch_id": uuid4()}), 404, "unknown_branch")
    nowhere = librarian.post(f"{API}copies/{uuid4()}/scan/", {})
    problem(nowhere, 404, "unknown_copy")


def test_what_is_under_way_is_listed_and_for_whom(
    librarian, a_copy, a_book, a_hold, here, there
):
    book_id = a_book()
    home, wanted = a_copy(branch_id=here), a_copy(book_id, branch_id=here)
    librarian.post(f"{API}copies/{home}/scan/", {"branch_id": there})
    body = {"book_id": book_id, "pickup_branch_id": there}
    hold = librarian.post(f"{API}holds/", body).json()

    rows = librarian.get(f"{API}transits/").json()["results"]
    to_there = librarian.get(f"{API}transits/?to_branch={there}").json()["results"]
    from_there = librarian.get(f"{API}transits/?from_branch={there}").json()

    assert hold["status"] == "in_transit"
    assert [each["hold_id"] for each in rows] == [None, hold["id"]]
    assert [each["copy_id"] for each in to_there] == [str(wanted)]
    assert [each["copy_id"] for each in from_there["results"]] == [str(home)]


def test_a_librarian_says_where_and_when_a_loan_ended(
    librarian, a_copy, a_loan, here, there, long_ago
):
    loan = a_loan(copy_id=a_copy(branch_id=here), now=long_ago)
    dropped = long_ago + timedelta(days=2)

    back = librarian.post(
        f"{API}loans/{loan.loan_id}/return/",
        {"branch_id": there, "returned_at": dropped.isoformat()},
    )

    assert (back.status_code, back.json()["outcome"]) == (200, "returned")
    assert Loan.objects.get().returned_at == dropped
    assert Transit.objects.get().from_branch_id == there


def test_a_reader_does_not_say_when(reader, a_loan, long_ago):
    loan = a_loan(member_id=reader.member_id, now=long_ago)
    path = f"{API}loans/{loan.loan_id}/return/"

    problem(
        reader.post(path, {"returned_at": long_ago.isoformat()}),
        403,
        "permission_denied",
    )
    assert reader.post(path).status_code == 200


def test_a_time_before_the_loan_is_refused(librarian, a_loan, long_ago):
    loan = a_loan(now=long_ago)
    early = (long_ago - timedelta(seconds=1)).isoformat()

    answer = librarian.post(
        f"{API}returns/", {"copy_id": loan.copy_id, "returned_at": early}
    )

    problem(answer, 409, "returned_too_early")


def test_whatever_is_brought_is_taken(librarian, a_copy, a_loan, here, there):
    a_copy(barcode="C1", branch_id=here)
    loan = a_loan(copy_id=a_copy(barcode="C2", branch_id=here))

    shelved = librarian.post(f"{API}returns/", {"barcode": "c1", "branch_id": here})
    given = {"copy_id": loan.copy_id, "branch_id": there}
    back = librarian.keyed(f"{API}returns/", given, "k1").json()
    again = librarian.keyed(f"{API}returns/", given, "k1").json()

    assert shelved.json()["loan"] is None
    assert shelved.json()["copy"]["status"] == "on_shelf"
    assert back["loan"]["id"] == str(loan.loan_id)
    assert (back["copy"]["status"], back["copy"]["branch_id"]) == (
        "in_transit",
        str(here),
    )
    assert again == back


@pytest.mark.parametrize(
    "body", [{}, {"copy_id": str(uuid4()), "barcode": "C1"}, {"barcode": ""}]
)
def test_what_is_brought_is_one_copy(librarian, body):
    assert librarian.post(f"{API}returns/", body).status_code == 400


def test_an_unknown_barcode_is_not_brought(librarian):
    answer = librarian.post(f"{API}returns/", {"barcode": "C404"})

    problem(answer, 404, "unknown_barcode")


def test_a_librarian_gives_a_copy_up_and_finds_it(librarian, a_loan):
    loan = a_loan()
    path = f"{API}loans/{loan.loan_id}/"

    claimed = librarian.post(f"{path}claim-returned/")
    sought = librarian.get(f"{API}copies/sought/").json()["results"]
    lost = librarian.post(f"{path}lost/")
    problem(librarian.post(f"{path}lost/"), 409, "already_lost")
    problem(librarian.post(f"{path}return/"), 409, "already_lost")
    found = librarian.post(f"{API}returns/", {"copy_id": loan.copy_id})

    assert claimed.json()["claimed_at"]
    assert [each["loan_id"] for each in sought] == [str(loan.loan_id)]
    assert lost.json()["outcome"] == "lost"
    assert found.json()["copy"]["status"] == "on_shelf"


def test_a_hold_waits_for_a_branch_there_is(librarian, a_copy, a_book, there):
    book_id = a_book()
    a_copy(book_id)

    unknown = {"book_id": book_id, "pickup_branch_id": uuid4()}
    problem(librarian.post(f"{API}holds/", unknown), 404, "unknown_branch")

    assert not Hold.objects.exists()
