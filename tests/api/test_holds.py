from __future__ import annotations

from tests.api.problems import problem

HOLDS = "/api/v1/holds/"


def test_a_reader_waits_for_a_book_and_gives_up(reader, a_loan):
    book_id = a_loan().book_id

    made = reader.post(HOLDS, {"book_id": book_id})
    hold = made.json()

    assert made.status_code == 201
    assert (hold["status"], hold["position"]) == ("waiting", 1)
    assert reader.get(f"{HOLDS}{hold['id']}/").json() == hold
    assert reader.get(HOLDS).json()["results"] == [hold]

    gone = reader.post(f"{HOLDS}{hold['id']}/cancel/")

    assert (gone.status_code, gone.json()["status"]) == (200, "cancelled")
    assert reader.get(HOLDS, {"open": "true"}).json()["count"] == 0
    problem(reader.post(f"{HOLDS}{hold['id']}/cancel/"), 409, "hold_closed")


def test_a_librarian_sees_the_queue_of_a_book(librarian, a_loan, a_hold):
    book_id = a_loan().book_id
    waiting = [str(a_hold(book_id).member_id) for _ in range(2)]
    a_hold(a_loan().book_id)

    queue = librarian.get(HOLDS, {"book": str(book_id)}).json()["results"]

    assert [(each["position"], each["member_id"]) for each in queue] == [
        (1, waiting[0]),
        (2, waiting[1]),
    ]


def test_the_hold_of_another_is_not_there(reader, a_loan, a_hold):
    hold = a_hold(a_loan().book_id)

    problem(reader.get(f"{HOLDS}{hold.hold_id}/"), 404, "unknown_hold")
    problem(reader.post(f"{HOLDS}{hold.hold_id}/cancel/"), 404, "unknown_hold")
    assert reader.get(HOLDS).json()["count"] == 0


def test_only_librarians_place_holds_for_others(reader, librarian, a_loan, a_member):
    wish = {"book_id": a_loan().book_id, "member_id": a_member()}

    problem(reader.post(HOLDS, wish), 403, "permission_denied")
    made = librarian.post(HOLDS, wish)

    assert made.json()["member_id"] == str(wish["member_id"])
    member = {"member": str(wish["member_id"])}
    assert librarian.get(HOLDS, member).json()["count"] == 1


def test_what_is_set_aside_can_no_longer_be_had(
    reader, a_book, a_copy, a_hold, sequenced
):
    book_id = a_book()
    copy_id = a_copy(book_id=book_id)
    a_hold(book_id)
    sequenced()

    answer = reader.get(f"/api/v1/books/{book_id}/availability/").json()
    refused = reader.post("/api/v1/loans/", {"copy_id": copy_id})

    assert (answer["set_aside"], answer["available"]) == (1, 0)
    problem(refused, 409, "on_hold_for_other")
