"""
My hold, cancelled: gone, the copy free or for the next; somebody else's, an unknown or
a cancelled one: refused. A cancelled hold frees a place under the limit.
"""

from __future__ import annotations

from uuid import uuid4

from library.policies import policies
from tests.api.problems import problem

HOLDS = "/api/v1/holds/"


def place(client, book_id):
    return client.post(HOLDS, {"book_id": book_id})


def cancel(client, hold_id):
    return client.post(f"{HOLDS}{hold_id}/cancel/")


def test_my_cancelled_hold_leaves_the_copy_free(reader, a_reader, a_book, a_copy):
    book_id = a_book()
    copy_id = a_copy(book_id)
    mine = place(reader, book_id).json()
    assert mine["status"] == "ready"

    gone = cancel(reader, mine["id"])
    lent = a_reader().post("/api/v1/loans/", {"copy_id": copy_id})

    assert (gone.json()["status"], lent.status_code) == ("cancelled", 201)


def test_or_the_copy_is_for_the_next(reader, a_reader, a_book, a_copy):
    book_id, other = a_book(), a_reader()
    a_copy(book_id)
    mine, next_one = place(reader, book_id).json(), place(other, book_id).json()

    cancel(reader, mine["id"])

    shown = other.get(f"{HOLDS}{next_one['id']}/").json()
    assert (next_one["status"], shown["status"]) == ("waiting", "ready")


def test_somebody_elses_an_unknown_and_a_cancelled_one_are_refused(
    reader, a_reader, a_loan
):
    book_id = a_loan().book_id
    mine, others = place(reader, book_id).json(), place(a_reader(), book_id).json()
    cancel(reader, mine["id"])

    # A reader does not learn which ids there are: both are unknown to them.
    problem(cancel(reader, others["id"]), 404, "unknown_hold")
    problem(cancel(reader, uuid4()), 404, "unknown_hold")
    problem(cancel(reader, mine["id"]), 409, "hold_closed")


def test_a_cancelled_hold_frees_a_place(reader, a_loan, now):
    policies.set_policy(name="all", hold_limit=1, now=now)
    mine = place(reader, a_loan().book_id).json()
    wanted = a_loan().book_id
    problem(place(reader, wanted), 409, "hold_limit")

    cancel(reader, mine["id"])

    assert place(reader, wanted).status_code == 201
