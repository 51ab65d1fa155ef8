"""What follows at once from what the catalogue does."""

from __future__ import annotations

import pytest

from library.catalog import copies
from library.checks import check_parts
from library.lending.models import Hold
from library.policies import policies
from outbox.models import Event
from tests.threads import at_once


@pytest.fixture
def wish(a_loan, a_hold):
    """Somebody waits for a book whose only copy is on loan."""
    return a_hold(a_loan().book_id)


def test_a_new_copy_goes_to_who_waits_at_once(db, wish, a_copy):
    copy_id = a_copy(book_id=wish.book_id)

    assert Hold.objects.get().copy_id == copy_id


def test_a_copy_that_is_moved_to_where_it_is_lent_goes_to_who_waits(
    db, wish, a_branch, a_copy, now
):
    here = a_branch()
    policies.set_policy(name="no", branch_id=here, loan_days=0, now=now)
    copy_id = a_copy(book_id=wish.book_id, branch_id=here)
    assert Hold.objects.get().copy_id is None

    copies.move_copy(copy_id=copy_id, branch_id=a_branch(), now=now)

    assert Hold.objects.get().copy_id == copy_id


def test_a_copy_nobody_waits_for_stays_on_the_shelf(db, a_copy, a_branch, now):
    copies.move_copy(copy_id=a_copy(), branch_id=a_branch(), now=now)

    assert not Event.objects.filter(type="hold.ready").exists()


def test_copies_added_at_once_are_promised_to_one_each(
    committed_db, a_loan, a_hold, a_copy
):
    book_id = a_loan().book_id
    for _ in range(3):
        a_hold(book_id)

    answers = at_once(6, lambda _: a_copy(book_id=book_id))

    assert [each for each in answers if isinstance(each, Exception)] == []
    promised = set(Hold.objects.values_list("copy", flat=True))
    assert len(promised) == 3
    assert promised <= set(answers)


@pytest.mark.parametrize("setting", ["LIBRARY_GUARDS", "LIBRARY_CONSEQUENCES"])
def test_a_module_that_cannot_be_asked_is_found_at_start(settings, setting):
    assert check_parts() == []
    setattr(settings, setting, ["library.lending.queue"])

    problems = check_parts()

    assert {each.id for each in problems} == {"library.E001"}
    assert f"'library.lending.queue' in {setting}" in problems[0].msg
