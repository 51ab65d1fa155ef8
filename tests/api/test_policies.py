from __future__ import annotations

from uuid import uuid4

from tests.api.problems import problem

BRANCHES = "/api/v1/branches/"
POLICIES = "/api/v1/policies/"
CHORSU = {"name": "Chorsu", "time_zone": "Asia/Tashkent", "closed_weekdays": [6]}


def test_a_librarian_opens_a_branch_and_readers_see_it(librarian, reader):
    made = librarian.post(BRANCHES, CHORSU)

    assert made.status_code == 201
    shown = reader.get(f"{BRANCHES}{made.json()['id']}/").json()
    assert shown == made.json()
    assert shown["closed_weekdays"] == [6]
    assert reader.get(BRANCHES).json()["results"] == [shown]


def test_a_branch_is_described_anew(librarian):
    branch = librarian.post(BRANCHES, CHORSU).json()

    closed = {**CHORSU, "closed_on": ["2026-03-21"]}
    answer = librarian.put(f"{BRANCHES}{branch['id']}/", closed)

    assert answer.json() == {**branch, "closed_on": ["2026-03-21"]}


def test_a_branch_that_cannot_be_is_refused(librarian):
    librarian.post(BRANCHES, CHORSU)

    problem(librarian.post(BRANCHES, CHORSU), 409, "branch_name_taken")
    nowhere = {"name": "Atlantis", "time_zone": "Asia/Atlantis"}
    problem(librarian.post(BRANCHES, nowhere), 400, "invalid_branch")


def test_a_policy_is_set_and_explained(librarian, reader):
    branch_id = librarian.post(BRANCHES, CHORSU).json()["id"]
    librarian.post(POLICIES, {"name": "any", "loan_days": 14})
    here = {"name": "here", "branch_id": branch_id, "loan_days": 7}
    made = librarian.post(POLICIES, here)

    answer = reader.get(f"{POLICIES}explain/", {"branch": branch_id}).json()

    assert made.status_code == 200
    assert (answer["applies"]["name"], answer["applies"]["loan_days"]) == ("here", 7)
    assert answer["because"] == "It names the branch."
    assert [each["name"] for each in answer["also_fitting"]] == ["any"]
    assert reader.get(POLICIES).json()["count"] == 2


def test_in_a_branch_there_is_not_nothing_applies(reader):
    answer = reader.get(f"{POLICIES}explain/", {"branch": str(uuid4())})

    problem(answer, 404, "unknown_branch")


def test_where_no_policy_fits_the_settings_apply(reader):
    answer = reader.get(f"{POLICIES}explain/").json()

    assert answer["applies"]["name"] == "default"
    assert answer["because"] == "No policy fits, so the settings apply."
