"""What a new library starts with, in a librarian's words."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command

from config.management.commands import prepare
from library.policies import policies
from library.policies.models import Policy
from library.policies.starting import set_starting_policies
from tests.threads import at_once


def numbers(category, kind):
    applies = policies.for_loan(None, category, kind)
    return applies.loan_days, applies.renewal_limit, applies.hold_limit


@pytest.mark.parametrize(
    ("category", "kind", "expected"),
    [
        ("reader", "book", (28, 3, 5)),
        ("student", "book", (28, 3, 5)),
        ("researcher", "book", (28, 3, None)),
        ("staff", "book", (84, 3, 5)),
        ("reader", "short", (14, 3, 5)),
        ("staff", "short", (14, 3, 5)),
        ("reader", "express", (7, 0, 5)),
        ("staff", "express", (7, 0, 5)),
        ("researcher", "express", (7, 0, None)),
    ],
)
def test_each_category_and_kind_has_its_days(db, now, category, kind, expected):
    set_starting_policies(now=now)

    assert numbers(category, kind) == expected


def test_only_researchers_get_restricted_copies_and_holds_without_an_end(db, now):
    set_starting_policies(now=now)

    for category in ("reader", "student", "staff", "researcher"):
        applies = policies.for_loan(None, category, "book")
        allowed = category == "researcher"
        assert (applies.restricted, applies.open_ended) == (allowed, allowed)


def test_everybody_else_has_what_the_page_says(db, now):
    set_starting_policies(now=now)

    applies = policies.for_loan(None, "reader", "book")

    assert applies == policies.default()
    assert (applies.pickup_days, applies.overdue_limit) == (10, 2)
    assert applies.due_soon_days == 5


def test_preparing_a_library_sets_them_once(db, tmp_path, monkeypatch, now):
    monkeypatch.setattr(prepare, "make_state_folder", lambda: tmp_path)

    def said():
        out = StringIO()
        call_command("prepare", stdout=out)
        return out.getvalue()

    first = said()
    policies.set_policy(name="staff", category="staff", loan_days=50, now=now)
    again = said()

    assert "8 policies to start with" in first
    assert "policies" not in again
    assert policies.for_loan(None, "staff", "book").loan_days == 50


def test_a_library_with_a_policy_of_its_own_keeps_to_it(db, now):
    policies.set_policy(name="all", now=now, loan_days=10)

    assert set_starting_policies(now=now) == []


def test_two_who_prepare_at_once_set_them_once(committed_db, now):
    answers = at_once(4, lambda _: set_starting_policies(now=now))

    assert sorted(len(each) for each in answers) == [0, 0, 0, 8]
    assert set(Policy.objects.values_list("version", flat=True)) == {1}
