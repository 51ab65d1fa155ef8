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


def test_a_reader_waits_for_one_copy_for_some_days(reader, a_loan):
    lent = a_loan()
    wish = {"book_id": lent.book_id, "copy_id": lent.copy_id, "days": 30}

    made = reader.post(HOLDS, wish)
    hold = made.json()

    assert made.status_code == 201
    assert (hold["wanted_copy_id"], hold["copy_id"]) == (str(lent.copy_id), None)
    assert hold["ends_at"] is not None
    assert hold["holds_left"] == 4


def test_a_wish_that_cannot_be_is_refused(reader, a_loan, a_copy):
    lent = a_loan()

    assert reader.post(HOLDS, {"book_id": lent.book_id, "days": 0}).status_code == 400
    unlike = {"book_id": lent.book_id, "days": 5, "open_ended": True}
    problem(reader.post(HOLDS, unlike), 400, "invalid_hold")
    forever = {"book_id": lent.book_id, "open_ended": True}
    problem(reader.post(HOLDS, forever), 409, "hold_needs_an_end")
    other = {"book_id": lent.book_id, "copy_id": a_copy()}
    problem(reader.post(HOLDS, other), 404, "unknown_copy")


def test_a_reader_suspends_and_resumes_his_hold(reader, a_loan):
    hold = reader.post(HOLDS, {"book_id": a_loan().book_id}).json()
    path = f"{HOLDS}{hold['id']}/"

    suspended = reader.post(f"{path}suspend/", {"until": "2099-01-01"})
    again = reader.post(f"{path}suspend/", {})
    resumed = reader.post(f"{path}resume/", {})

    assert (suspended.status_code, suspended.json()["status"]) == (200, "suspended")
    assert suspended.json()["resumes_at"] == "2099-01-01T00:00:00Z"
    assert (again.json()["position"], again.json()["resumes_at"]) == (1, None)
    assert (resumed.json()["status"], resumed.json()["suspended_at"]) == (
        "waiting",
        None,
    )
    problem(reader.post(f"{path}resume/", {}), 409, "hold_not_suspended")


def test_only_librarians_give_a_hold_another_place(reader, librarian, a_loan, a_hold):
    book_id = a_loan().book_id
    a_hold(book_id)
    hold = reader.post(HOLDS, {"book_id": book_id}).json()
    path = f"{HOLDS}{hold['id']}/move/"

    problem(reader.post(path, {"position": 1}), 403, "permission_denied")
    moved = librarian.post(path, {"position": 1})

    assert (hold["position"], moved.json()["position"]) == (2, 1)
    problem(librarian.post(path, {"position": 3}), 400, "invalid_hold")


def test_the_hold_of_another_is_not_suspended_or_resumed(reader, a_loan, a_hold):
    path = f"{HOLDS}{a_hold(a_loan().book_id).hold_id}/"

    problem(reader.post(f"{path}suspend/", {}), 404, "unknown_hold")
    problem(reader.post(f"{path}resume/", {}), 404, "unknown_hold")


def test_a_restricted_copy_is_added_and_shown(librarian, reader, a_book):
    wish = {"book_id": a_book(), "barcode": "R1", "restricted": True}

    added = librarian.post("/api/v1/copies/", wish).json()

    assert added["restricted"] is True
    problem(reader.post("/api/v1/loans/", {"copy_id": added["id"]}), 409, "restricted")
    problem(reader.post(HOLDS, {"book_id": wish["book_id"]}), 409, "restricted")
