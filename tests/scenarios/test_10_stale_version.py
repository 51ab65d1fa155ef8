"""Someone changed the copy since I read it: `stale_version`, their change stands."""

from __future__ import annotations

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
