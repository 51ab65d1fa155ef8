"""Branches, calendars and policies: until when, by which clocks, by which rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, transaction

from library.advance import advance
from library.catalog import branches
from library.catalog.calendars import Calendar
from library.catalog.copies import add_copy
from library.catalog.models import Branch, Copy
from library.catalog.refusals import (
    BranchNameTaken,
    BranchNeverOpens,
    InvalidBranch,
    InvalidKind,
    UnknownBranch,
)
from library.lending.models import Loan
from library.lending.refusals import LoanLimit, NotForLoan
from library.policies import policies
from library.policies.refusals import InvalidPolicy
from tests.threads import at_once

MONDAY = date(2026, 3, 2)
SOME_ID = UUID("01964f08-2d10-7b3f-8c44-90d1e7a6b352")
NEVER = tuple(range(7))


def test_a_branch_is_opened_and_described_anew(db, a_branch, now):
    branch_id = a_branch(name="Chorsu")

    branches.describe_branch(
        branch_id=branch_id,
        name=" Chorsu ",
        time_zone="Asia/Samarkand",
        closed_weekdays=[6, 6],
        closed_on=[MONDAY],
        now=now,
    )

    branch = Branch.objects.get()
    assert (branch.name, branch.time_zone) == ("Chorsu", "Asia/Samarkand")
    assert (branch.closed_weekdays, branch.closed_on) == ([6], [MONDAY])


def test_no_two_branches_have_one_name(db, a_branch):
    a_branch(name="Chorsu")

    with pytest.raises(BranchNameTaken):
        a_branch(name="Chorsu ")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "  "},
        {"name": "x" * 201},
        {"time_zone": "Asia/Atlantis"},
        {"time_zone": "../../etc/passwd"},
        {"time_zone": ""},
        {"closed_weekdays": [7]},
        {"closed_on": [MONDAY + timedelta(days=n) for n in range(3_661)]},
    ],
)
def test_a_branch_that_cannot_be_right_is_refused(db, a_branch, wrong):
    with pytest.raises(InvalidBranch):
        a_branch(**wrong)


def test_a_copy_is_at_home_in_a_branch_there_is(db, a_branch, a_book, a_copy, now):
    branch_id = a_branch()

    copy_id = a_copy(branch_id=branch_id, kind="reading-room")

    copy = Copy.objects.get(id=copy_id)
    assert (copy.branch_id, copy.kind) == (branch_id, "reading-room")
    with pytest.raises(UnknownBranch):
        a_copy(branch_id=copy_id)
    with pytest.raises(InvalidKind):
        add_copy(book_id=copy.book_id, barcode="X", kind="Reading room", now=now)


def test_many_at_once_open_one_branch_of_a_name(committed_db, now):
    answers = at_once(
        4,
        lambda _: branches.describe_branch(name="Chorsu", time_zone="UTC", now=now),
    )

    codes = [getattr(answer, "code", "opened") for answer in answers]
    assert sorted(codes) == ["branch_name_taken"] * 3 + ["opened"]


# --- Due dates ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("time_zone", "borrowed", "due"),
    [
        # By UTC it is still Monday, in Tashkent Tuesday for half an hour already.
        ("Asia/Tashkent", (2026, 3, 2, 19, 30), (2026, 3, 31, 18, 59, 59)),
        ("Asia/Tashkent", (2026, 3, 2, 18, 59, 59), (2026, 3, 30, 18, 59, 59)),
        ("Asia/Tashkent", (2026, 3, 2, 19, 0), (2026, 3, 31, 18, 59, 59)),
        # Clocks go forward between (29 March; 8 March), and back (25 October).
        ("Europe/London", (2026, 3, 2, 10, 0), (2026, 3, 30, 22, 59, 59)),
        ("Europe/London", (2026, 10, 1, 10, 0), (2026, 10, 29, 23, 59, 59)),
        ("America/Chicago", (2026, 3, 2, 10, 0), (2026, 3, 31, 4, 59, 59)),
        ("America/Chicago", (2026, 10, 5, 10, 0), (2026, 11, 3, 5, 59, 59)),
        # Due on the very day of a change.
        ("Europe/London", (2026, 3, 1, 10, 0), (2026, 3, 29, 22, 59, 59)),
        ("Europe/London", (2026, 9, 27, 10, 0), (2026, 10, 25, 23, 59, 59)),
        # The next day begins at 01:00 (Beirut); its midnight comes twice (Havana).
        ("Asia/Beirut", (2026, 2, 28, 10, 0), (2026, 3, 28, 21, 59, 59)),
        # Its last hour comes twice (Santiago).
        ("America/Santiago", (2026, 3, 7, 15, 0), (2026, 4, 5, 3, 59, 59)),
        ("America/Havana", (2026, 10, 4, 10, 0), (2026, 11, 2, 4, 59, 59)),
    ],
)
def test_a_loan_is_due_with_the_last_second_of_a_day_by_the_branchs_clocks(
    db, a_branch, a_copy, a_loan, time_zone, borrowed, due
):
    copy_id = a_copy(branch_id=a_branch(time_zone=time_zone))

    a_loan(copy_id=copy_id, now=datetime(*borrowed, tzinfo=UTC))

    due_at = Loan.objects.get().due_at
    assert due_at == datetime(*due, tzinfo=UTC)
    here = ZoneInfo(time_zone)
    second_later = due_at + timedelta(seconds=1)
    assert due_at.astimezone(here).date() < second_later.astimezone(here).date()


def test_a_loan_due_on_a_closed_day_is_due_on_the_next_open_one(
    db, a_branch, a_copy, a_loan, now
):
    weekend_and_a_feast = {
        "closed_weekdays": [0, 6],
        "closed_on": [MONDAY + timedelta(days=29)],
    }
    branch_id = a_branch(time_zone="UTC", **weekend_and_a_feast)

    loan = a_loan(copy_id=a_copy(branch_id=branch_id))

    assert loan.due_at.date() == MONDAY + timedelta(days=30)


def test_a_branch_that_never_opens_lends_nothing(db, a_branch, a_copy, a_loan):
    copy_id = a_copy(branch_id=a_branch(closed_weekdays=NEVER))

    with pytest.raises(BranchNeverOpens):
        a_loan(copy_id=copy_id)

    assert not Loan.objects.exists()


def test_a_branch_may_be_closed_for_a_year_less_a_day():
    closed = frozenset(MONDAY + timedelta(days=n) for n in range(366))

    assert Calendar(closed_on=closed - {max(closed)}).open_day(MONDAY) == max(closed)
    with pytest.raises(BranchNeverOpens):
        Calendar(closed_on=closed).open_day(MONDAY)


# --- Policies -----------------------------------------------------------------


def test_without_a_policy_the_settings_apply(db, a_loan, settings):
    settings.LENDING = {"LOAN_DAYS": 3, "LOAN_LIMIT": 2}

    loan = a_loan()

    assert (loan.loan_days, loan.loan_limit) == (3, 2)
    assert (loan.policy, loan.policy_version) == ("default", 0)


def test_the_most_specific_policy_applies(db, a_branch, a_copy, a_member, a_loan, now):
    branch_id = a_branch()
    student = {"category": "student"}
    for name, match in {
        "kind": {"kind": "dvd"},
        "category and kind": {**student, "kind": "dvd"},
        "anything": {},
        "branch": {"branch_id": branch_id},
        "category": student,
    }.items():
        policies.set_policy(name=name, now=now, **match)

    def applied(branch_id, category, kind):
        copy_id = a_copy(branch_id=branch_id, kind=kind)
        loan = a_loan(copy_id=copy_id, member_id=a_member(category=category))
        return loan.policy

    assert applied(branch_id, "student", "dvd") == "branch"
    assert applied(None, "student", "dvd") == "category and kind"
    assert applied(None, "student", "book") == "category"
    assert applied(None, "reader", "dvd") == "kind"
    assert applied(a_branch(), "reader", "book") == "anything"
    explained = policies.explain(branch_id, "student", "dvd")
    assert [each.name for each in explained] == [
        "branch",
        "category and kind",
        "category",
        "kind",
        "anything",
    ]


def test_a_policy_says_how_long_and_how_many(db, a_copy, a_member, a_loan, now):
    policies.set_policy(name="short", now=now, loan_days=7, loan_limit=1)
    member_id = a_member()

    loan = a_loan(member_id=member_id)

    assert loan.due_at == datetime(2026, 3, 9, 23, 59, 59, tzinfo=UTC)
    with pytest.raises(LoanLimit):
        a_loan(member_id=member_id)


def test_what_applies_is_the_first_of_those_that_fit(db, a_branch, now):
    branch_id = a_branch()
    named = ("branch_id", "category", "kind")
    for each in product((branch_id, None), ("reader", ""), ("book", "")):
        match = dict(zip(named, each, strict=True))
        policies.set_policy(name=f"{each}"[:100], now=now, **match)

    for asked in product((branch_id, None), ("reader", "staff"), ("book", "dvd")):
        fitting = policies.explain(*asked)
        assert policies.for_loan(*asked) == policies.numbers_of(fitting[0]), asked


def test_what_is_not_for_loan_is_lent_to_those_whom_a_policy_names(
    db, a_copy, a_member, a_loan, now
):
    restricted = a_copy(kind="restricted")
    policies.set_policy(name="restricted", kind="restricted", loan_days=0, now=now)
    researchers = {"category": "researcher", "kind": "restricted"}
    policies.set_policy(name="researchers", now=now, **researchers)

    with pytest.raises(NotForLoan):
        a_loan(copy_id=restricted)
    loan = a_loan(copy_id=restricted, member_id=a_member(category="researcher"))

    assert loan.policy == "researchers"


def test_a_policy_set_again_is_its_next_version_and_rewrites_no_loan(db, a_loan, now):
    policies.set_policy(name="all", now=now, loan_days=7)
    before = a_loan()

    again = policies.set_policy(name="all", now=now, loan_days=14)
    after = a_loan()

    assert (again.version, after.policy_version) == (2, 2)
    assert Loan.objects.get(id=before.loan_id).due_at == before.due_at
    assert after.due_at - before.due_at == timedelta(days=7)


@pytest.mark.parametrize(
    "wrong",
    [{"loan_days": 3_651}, {"loan_limit": -1}, {"fee_limit": 10**10}, {"colour": 1}],
)
def test_a_policy_that_cannot_be_right_is_refused(db, now, wrong):
    with pytest.raises(InvalidPolicy):
        policies.set_policy(name="wrong", now=now, **wrong)
    with pytest.raises(InvalidPolicy):
        policies.set_policy(name=" ", now=now)
    with pytest.raises(UnknownBranch):
        policies.set_policy(name="nowhere", branch_id=SOME_ID, now=now)


def test_two_policies_for_the_same_cannot_exist(db, now):
    first = policies.set_policy(name="all", now=now)

    with pytest.raises(IntegrityError, match="one_per_match"), transaction.atomic():
        advance(replace(first, policy_id=SOME_ID))


def test_the_bounds_of_a_policys_numbers_are_no_days_and_no_limit(db, now):
    for wrong in ({"hold_days": 0}, {"loan_limit": None}, {"restricted": 2}):
        with pytest.raises(InvalidPolicy):
            policies.set_policy(name="wrong", now=now, **wrong)
    policies.set_policy(name="right", now=now, hold_days=1, hold_limit=None)

    applies = policies.for_loan(None, "reader", "book")

    assert (applies.hold_days, applies.hold_limit) == (1, None)
    assert (applies.restricted, applies.open_ended) == (False, False)
