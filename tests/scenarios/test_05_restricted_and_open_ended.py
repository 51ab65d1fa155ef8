"""
A reader holds a restricted copy: `restricted`; a researcher may. An open-ended hold:
researcher only. A hold of 0 days or fewer: invalid.
"""

from __future__ import annotations

import pytest

from library.lending import loans
from library.lending.hold_refusals import HoldNeedsAnEnd, InvalidHold
from library.lending.models import Hold
from library.lending.refusals import Restricted
from library.policies.starting import set_starting_policies


@pytest.fixture(autouse=True)
def _a_new_library(db, now):
    set_starting_policies(now=now)


@pytest.fixture
def restricted(a_book, a_copy):
    """A book whose only copy is restricted, and the copy."""
    book_id = a_book()
    return {"book_id": book_id, "copy_id": a_copy(book_id, restricted=True)}


def test_a_reader_does_not_hold_a_restricted_copy(restricted, a_hold):
    with pytest.raises(Restricted) as of_the_copy:
        a_hold(**restricted)
    with pytest.raises(Restricted):
        a_hold(restricted["book_id"])

    assert [each.code for each in of_the_copy.value.reasons] == ["restricted"]
    assert not Hold.objects.exists()


def test_a_researcher_holds_and_borrows_it(restricted, a_hold, a_member, now):
    researcher = a_member(category="researcher")

    a_hold(member_id=researcher, **restricted)

    assert Hold.objects.get().status == "ready"
    assert loans.borrow_copy(
        copy_id=restricted["copy_id"], member_id=researcher, now=now
    )


def test_a_hold_without_an_end_is_for_researchers_only(a_loan, a_hold, a_member):
    book_id = a_loan().book_id

    with pytest.raises(HoldNeedsAnEnd):
        a_hold(book_id, open_ended=True)
    placed = a_hold(book_id, a_member(category="researcher"), open_ended=True)

    assert placed.ends_at is None


@pytest.mark.parametrize("days", [0, -1])
def test_a_hold_of_no_days_is_invalid(a_loan, a_hold, days):
    book_id = a_loan().book_id

    with pytest.raises(InvalidHold) as refusal:
        a_hold(book_id, days=days)

    assert refusal.value.status == 400
    assert a_hold(book_id, days=1)
