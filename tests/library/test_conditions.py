"""Copies that are moved, missing or damaged, in a librarian's words."""

from __future__ import annotations

from uuid import uuid4

import pytest

from library.catalog import books, copies
from library.catalog.models import Copy
from library.catalog.refusals import (
    AlreadyMarked,
    InvalidCondition,
    InvalidKind,
    InvalidPrice,
    UnknownBranch,
    UnknownCopy,
)
from library.lending import loans, start_of_day
from library.lending.conditions import mark_copy
from library.lending.copy_refusals import MarkedCopy
from library.lending.hold_refusals import NothingToHold
from library.lending.models import Hold
from library.lending.refusals import LoanLimit
from library.policies import policies
from library.refusals import StillInUse
from outbox import sequencer
from projections import feed
from projections.models import Availability


@pytest.fixture
def available():
    """Tell how many copies of a book can be borrowed now."""

    def tell(book_id):
        sequencer.sequence_all()
        feed.catch_up_all()
        return Availability.objects.get(book_id=book_id).available

    return tell


def test_a_copy_is_at_home_where_it_was_moved_to(db, a_copy, a_branch, now):
    before, after = a_branch(), a_branch()
    copy_id = a_copy(branch_id=before)

    moved = copies.move_copy(copy_id=copy_id, branch_id=after, now=now)

    copy = Copy.objects.get()
    assert (copy.branch_id, copy.kind) == (after, "book")
    assert (moved.branch_before, moved.kind_before) == (before, "book")


def test_a_copy_of_another_kind_is_lent_by_the_policy_of_that_kind(
    db, a_copy, a_member, now
):
    policies.set_policy(name="short", kind="short-loan", loan_days=7, now=now)
    copy_id = a_copy()

    copies.move_copy(copy_id=copy_id, branch_id=None, kind="short-loan", now=now)

    lent = loans.borrow_copy(copy_id=copy_id, member_id=a_member(), now=now)
    assert (lent.policy, lent.loan_days) == ("short", 7)


def test_a_loan_keeps_its_branch_when_the_copy_moves(db, a_copy, a_branch, a_loan, now):
    before = a_branch()
    loan = a_loan(copy_id=a_copy(branch_id=before))

    copies.move_copy(copy_id=loan.copy_id, branch_id=a_branch(), now=now)

    renewed = loans.renew_loan(loan_id=loan.loan_id, now=now)
    assert renewed.branch_id == before


def test_a_copy_is_moved_to_places_and_kinds_that_there_are(db, a_copy, now):
    copy_id = a_copy()

    with pytest.raises(UnknownBranch):
        copies.move_copy(copy_id=copy_id, branch_id=uuid4(), now=now)
    with pytest.raises(InvalidKind):
        copies.move_copy(copy_id=copy_id, branch_id=None, kind="Two words", now=now)
    with pytest.raises(UnknownCopy):
        copies.move_copy(copy_id=uuid4(), branch_id=None, now=now)


@pytest.mark.parametrize("price", [0, 1_000_000_000, None])
def test_a_copy_may_have_a_price(db, a_copy, price):
    a_copy(price=price)

    assert Copy.objects.get().price == price


@pytest.mark.parametrize("price", [-1, 1_000_000_001])
def test_a_price_nobody_can_pay_is_refused(db, a_copy, price):
    with pytest.raises(InvalidPrice):
        a_copy(price=price)


@pytest.mark.parametrize("condition", ["missing", "damaged"])
def test_a_marked_copy_is_not_lent_until_the_mark_is_off(
    db, a_copy, a_member, now, condition
):
    copy_id, member_id = a_copy(), a_member()
    mark_copy(copy_id=copy_id, condition=condition, now=now)

    with pytest.raises(MarkedCopy) as refusal:
        loans.borrow_copy(copy_id=copy_id, member_id=member_id, now=now)
    mark_copy(copy_id=copy_id, condition="", now=now)

    assert refusal.value.code == "not_for_loan"
    assert condition in str(refusal.value)
    assert loans.borrow_copy(copy_id=copy_id, member_id=member_id, now=now)


def test_what_is_wrong_with_a_copy_is_said_with_the_other_reasons(
    db, a_copy, a_member, now
):
    policies.set_policy(name="none", loan_limit=0, now=now)
    copy_id = a_copy()
    mark_copy(copy_id=copy_id, condition="damaged", now=now)

    with pytest.raises(MarkedCopy) as refusal:
        loans.borrow_copy(copy_id=copy_id, member_id=a_member(), now=now)

    assert [type(each) for each in refusal.value.reasons] == [MarkedCopy, LoanLimit]


def test_a_marked_copy_is_not_set_aside_for_anybody(db, a_book, a_copy, a_hold, now):
    book_id = a_book()
    marked, other = a_copy(book_id), a_copy(book_id)
    mark_copy(copy_id=marked, condition="damaged", now=now)

    a_hold(book_id)
    a_hold(book_id)
    start_of_day.run(now=now)

    kept = Hold.objects.ready().values_list("copy", flat=True)
    assert list(kept) == [other]


def test_a_copy_that_is_found_goes_to_who_waits(db, a_book, a_copy, a_hold, now):
    book_id = a_book()
    marked = a_copy(book_id)
    a_copy(book_id)
    mark_copy(copy_id=marked, condition="missing", now=now)
    a_hold(book_id)
    second = a_hold(book_id)

    mark_copy(copy_id=marked, condition="", now=now)

    assert Hold.objects.get(id=second.hold_id).copy_id == marked


def test_nobody_waits_for_a_book_whose_only_copy_is_missing(db, a_copy, a_hold, now):
    copy_id = a_copy()
    mark_copy(copy_id=copy_id, condition="missing", now=now)

    with pytest.raises(NothingToHold):
        a_hold(Copy.objects.get().book_id)


def test_who_was_to_have_a_missing_copy_is_first_again(
    db, a_book, a_copy, a_hold, a_loan, now
):
    book_id = a_book()
    kept, lent = a_copy(book_id), a_copy(book_id)
    loan = a_loan(copy_id=lent)
    first, second = a_hold(book_id), a_hold(book_id)
    assert Hold.objects.get(id=first.hold_id).copy_id == kept

    mark_copy(copy_id=kept, condition="missing", now=now)
    loans.return_copy(copy_id=loan.copy_id, now=now)

    assert Hold.objects.get(id=first.hold_id).copy_id == lent
    assert Hold.objects.get(id=second.hold_id).status == "waiting"


def test_who_was_to_have_a_missing_copy_gets_another_that_is_free(
    db, a_book, a_copy, a_hold, now
):
    book_id = a_book()
    hold = a_hold(book_id) if a_copy(book_id) else None
    kept, other = Hold.objects.get().copy_id, a_copy(book_id)

    mark_copy(copy_id=kept, condition="missing", now=now)

    assert Hold.objects.get(id=hold.hold_id).copy_id == other


def test_a_copy_on_loan_is_not_marked(db, a_loan, now):
    loan = a_loan()

    with pytest.raises(StillInUse) as refusal:
        mark_copy(copy_id=loan.copy_id, condition="missing", now=now)

    assert refusal.value.facts["blockers"] == [loan.loan_id]


def test_a_copy_is_marked_once_and_as_what_there_is(db, a_copy, now):
    copy_id = a_copy()

    with pytest.raises(AlreadyMarked):
        mark_copy(copy_id=copy_id, condition="", now=now)
    for condition in ("lost", "eaten"):
        with pytest.raises(InvalidCondition):
            mark_copy(copy_id=copy_id, condition=condition, now=now)
    mark_copy(copy_id=copy_id, condition="missing", now=now)
    with pytest.raises(AlreadyMarked):
        mark_copy(copy_id=copy_id, condition="missing", now=now)
    with pytest.raises(UnknownCopy):
        mark_copy(copy_id=uuid4(), condition="missing", now=now)


def test_marked_copies_are_not_counted_as_available(
    db, a_book, a_copy, a_hold, available, now
):
    book_id = a_book()
    first, second = a_copy(book_id), a_copy(book_id)
    assert available(book_id) == 2

    mark_copy(copy_id=first, condition="missing", now=now)
    assert available(book_id) == 1
    mark_copy(copy_id=first, condition="damaged", now=now)
    assert available(book_id) == 1
    a_hold(book_id)
    mark_copy(copy_id=second, condition="missing", now=now)
    assert available(book_id) == 0
    mark_copy(copy_id=first, condition="", now=now)
    assert available(book_id) == 0  # for who waits
    copies.remove_copy(copy_id=second, now=now)
    assert available(book_id) == 0


def test_a_book_is_withdrawn_with_its_marked_copies(db, a_book, a_copy, available, now):
    book_id = a_book()
    mark_copy(copy_id=a_copy(book_id), condition="damaged", now=now)

    books.withdraw_book(book_id=book_id, now=now)

    assert available(book_id) == 0
