"""Someone changed the copy since I read it: `stale_version`, their change stands."""

from __future__ import annotations

import pytest

from library.catalog.models import Copy
from library.lending.conditions import mark_copy
from tests.api.problems import problem


def test_their_change_stands(librarian, a_copy, now):
    copy_id = a_copy()
    path = f"/api/v1/copies/{copy_id}/"
    mine = librarian.get(path)

    mark_copy(copy_id=copy_id, condition="damaged", now=now)
    answer = librarian.delete(path, headers={"If-Match": mine["ETag"]})

    facts = problem(answer, 412, "stale_version")["facts"]
    assert facts["version"] == facts["expected"] + 1
    copy = Copy.objects.get(id=copy_id)
    assert (copy.condition, copy.removed_at) == ("damaged", None)


@pytest.mark.parametrize(
    ("step", "said"),
    [("mark", {"condition": "missing"}), ("move", {"branch_id": None, "kind": "cd"})],
)
def test_it_stands_against_another_mark_and_a_move_too(
    librarian, a_copy, now, step, said
):
    copy_id = a_copy()
    path = f"/api/v1/copies/{copy_id}/"
    before = {"If-Match": librarian.get(path)["ETag"]}

    mark_copy(copy_id=copy_id, condition="damaged", now=now)
    answer = librarian.post(f"{path}{step}/", said, headers=before)

    problem(answer, 412, "stale_version")
    read = librarian.get(path)
    assert (read.json()["condition"], read.json()["kind"]) == ("damaged", "book")
    known = {"If-Match": read["ETag"]}
    assert librarian.post(f"{path}{step}/", said, headers=known).status_code == 200
