"""
A reader with 0..4 holds places one more: accepted; with exactly 4 the limit is
announced; with 5 or more: `hold_limit`. A researcher has no limit.
"""

from __future__ import annotations

import pytest

from library.policies.starting import set_starting_policies
from tests.api.problems import problem

HOLDS = "/api/v1/holds/"


@pytest.fixture
def waits(db, a_loan, now):
    """Place so many holds by a client, each of another book; return the answers."""
    set_starting_policies(now=now)

    def place(client, times):
        return [client.post(HOLDS, {"book_id": a_loan().book_id}) for _ in range(times)]

    return place


def test_a_reader_with_fewer_than_five_holds_places_one_more(waits, a_reader):
    answers = waits(a_reader(), 5)

    assert [each.status_code for each in answers] == [201] * 5
    assert [each.json()["holds_left"] for each in answers] == [4, 3, 2, 1, 0]


def test_with_five_holds_the_limit_is_reached(waits, a_reader):
    reader = a_reader()
    waits(reader, 5)

    (sixth,) = waits(reader, 1)

    problem(sixth, 409, "hold_limit")
    assert reader.get(HOLDS, {"open": "true"}).json()["count"] == 5


def test_a_researcher_has_no_limit(waits, a_reader, librarian):
    researcher = a_reader()
    path = f"/api/v1/members/{researcher.member_id}/"
    librarian.patch(path, {"category": "researcher"})

    answers = waits(researcher, 7)

    assert [each.json()["holds_left"] for each in answers] == [None] * 7
