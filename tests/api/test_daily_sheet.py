"""The daily sheet: what a branch has to see to, in its own day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from library.lending import holds, loans, lost
from library.lending.conditions import mark_copy
from library.lending.transits import scan_copy
from tests.api.problems import problem

# A Monday in Tashkent, which by UTC began on Sunday evening.
FIRST = datetime(2026, 3, 1, 19, tzinfo=UTC)
LAST = datetime(2026, 3, 2, 18, 59, 59, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PARTS = ("pull", "clear", "leaving", "arriving", "overdue", "sought")


@pytest.fixture
def here(a_branch):
    return a_branch()


@pytest.fixture
def sheet(librarian, here):
    """Return the copies on each part of a day's sheet."""

    def read(**query):
        answer = librarian.get(f"/api/v1/branches/{here}/daily-sheet/", query)
        assert answer.status_code == 200, answer.content
        return {
            part: [line["copy_id"] for line in answer.json()[part]["lines"]]
            for part in PARTS
        }

    return read


@pytest.fixture
def a_copy_here(here, a_copy, a_book):
    """Add a copy of a book of its own; return the book and the copy."""

    def make(branch_id=here):
        book_id = a_book()
        return book_id, a_copy(book_id, branch_id=branch_id)

    return make


def test_what_was_set_aside_is_pulled_on_the_day_of_the_branch(
    sheet, a_copy_here, a_hold
):
    copies = []
    for moment in (FIRST - SECOND, FIRST, LAST, LAST + SECOND):
        book_id, copy_id = a_copy_here()
        a_hold(book_id, now=moment)
        copies.append(str(copy_id))

    assert sheet(date="2026-03-02")["pull"] == copies[1:3]
    assert sheet(date="2026-03-01")["pull"] == copies[:1]


def test_what_nobody_waits_for_any_more_is_cleared(sheet, a_copy_here, a_hold, now):
    book_id, copy_id = a_copy_here()
    ready, never_ready = a_hold(book_id), a_hold(book_id)

    holds.cancel_hold(hold_id=never_ready.hold_id, now=now)
    assert sheet(date="2026-03-02")["clear"] == []

    holds.cancel_hold(hold_id=ready.hold_id, now=now)
    assert sheet(date="2026-03-02")["clear"] == [str(copy_id)]
    assert sheet(date="2026-03-02")["pull"] == []
    assert sheet(date="2026-03-03")["clear"] == []


def test_what_is_for_the_next_stays_where_it_is(sheet, a_copy_here, a_hold, now):
    book_id, copy_id = a_copy_here()
    first, second = a_hold(book_id), a_hold(book_id)

    holds.cancel_hold(hold_id=first.hold_id, now=now)

    found = sheet(date="2026-03-02")
    assert (found["pull"], found["clear"]) == ([str(copy_id)], [])
    loans.borrow_copy(copy_id=copy_id, member_id=second.member_id, now=now)
    assert sheet(date="2026-03-02")["clear"] == []


def test_what_is_under_way_leaves_one_branch_and_arrives_at_the_other(
    sheet, here, a_branch, a_copy_here, now
):
    there = a_branch()
    _, ours = a_copy_here()
    _, theirs = a_copy_here(there)

    scan_copy(copy_id=ours, at=there, now=now)
    scan_copy(copy_id=theirs, at=here, now=now)

    found = sheet()
    assert (found["arriving"], found["leaving"]) == ([str(ours)], [str(theirs)])
    scan_copy(copy_id=ours, at=here, now=now)
    assert sheet()["arriving"] == []


def test_late_missing_and_claimed_copies_are_on_it(sheet, a_copy_here, a_loan, now):
    late, claimed = (a_loan(copy_id=a_copy_here()[1]) for _ in range(2))
    punctual = a_loan(copy_id=a_copy_here()[1], now=now + timedelta(days=20))
    _, missing = a_copy_here()
    mark_copy(copy_id=missing, condition="missing", now=now)
    lost.claim_returned(loan_id=claimed.loan_id, now=now)

    with time_machine.travel(late.due_at + SECOND, tick=False):
        found = sheet()
        loans.return_copy(copy_id=late.copy_id, now=late.due_at + SECOND)
        afterwards = sheet()

    assert found["overdue"] == [str(late.copy_id)]
    assert sorted(found["sought"]) == sorted([str(claimed.copy_id), str(missing)])
    assert afterwards["overdue"] == []
    assert not [each for each in found.values() if str(punctual.copy_id) in each]


def test_it_is_of_one_branch_and_says_of_which_day(
    librarian, here, a_branch, a_copy, a_loan
):
    a_loan(copy_id=a_copy(branch_id=a_branch()))
    path = f"/api/v1/branches/{here}/daily-sheet/"

    with time_machine.travel(LAST + SECOND, tick=False):
        answer = librarian.get(path).json()

    assert answer["date"] == "2026-03-03"
    assert [answer[part]["count"] for part in PARTS] == [0] * len(PARTS)
    nowhere = "/api/v1/branches/01964f08-2d10-7b3f-8c44-90d1e7a6b352/daily-sheet/"
    problem(librarian.get(nowhere), 404, "unknown_branch")
    assert librarian.get(path, {"date": "never"}).status_code == 400


@pytest.mark.parametrize("copies", [1, 4])
def test_it_costs_the_same_however_long(
    librarian, here, a_copy_here, a_loan, a_hold, django_assert_num_queries, copies
):
    for _ in range(copies):
        a_loan(copy_id=a_copy_here()[1], now=datetime(2026, 1, 1, tzinfo=UTC))
        a_hold(a_copy_here()[0])

    with django_assert_num_queries(14):
        answer = librarian.get(f"/api/v1/branches/{here}/daily-sheet/")

    assert answer.json()["overdue"]["count"] == copies
