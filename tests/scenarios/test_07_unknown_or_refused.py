"""Unknown member or copy is a different answer (404) from a rule's refusal (409)."""

from __future__ import annotations

from uuid import uuid4

from tests.api.problems import problem

LOANS, HOLDS = "/api/v1/loans/", "/api/v1/holds/"


def test_an_unknown_copy_or_member_is_not_found(librarian, a_copy, a_member):
    copy_id, member_id = a_copy(), a_member()

    for given, code in (
        ({"copy_id": uuid4(), "member_id": member_id}, "unknown_copy"),
        ({"copy_id": copy_id, "member_id": uuid4()}, "unknown_member"),
    ):
        problem(librarian.post(LOANS, given), 404, code)


def test_an_unknown_book_to_wait_for_is_not_found(librarian, a_book, a_member):
    for given, code in (
        ({"book_id": uuid4(), "member_id": a_member()}, "unknown_book"),
        ({"book_id": a_book(), "member_id": uuid4()}, "unknown_member"),
    ):
        problem(librarian.post(HOLDS, given), 404, code)


def test_what_a_rule_refuses_is_there_and_refused(librarian, a_book, a_loan, a_member):
    member_id, taken = a_member(), a_loan().copy_id

    lent = librarian.post(LOANS, {"copy_id": taken, "member_id": member_id})
    held = librarian.post(HOLDS, {"book_id": a_book(), "member_id": member_id})

    problem(lent, 409, "copy_on_loan")
    problem(held, 409, "nothing_to_hold")
