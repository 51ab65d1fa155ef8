from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from library.advance import advance
from library.catalog.copies import remove_copy
from library.catalog.refusals import UnknownCopy
from library.lending import loans
from library.lending.models import Loan
from library.lending.refusals import (
    AlreadyOnLoanToMember,
    AlreadyReturned,
    CopyNotOnLoan,
    CopyOnLoan,
    LoanLimit,
)
from library.members.refusals import UnknownMember
from library.refusals import Refusal, StillInUse
from outbox.errors import WriteOutsideAdvance
from outbox.models import Event
from tests.threads import at_once


@pytest.fixture(autouse=True)
def _small_world(settings):
    settings.LENDING = {"LOAN_DAYS": 28, "LOAN_LIMIT": 2}


def test_a_borrowed_copy_is_due_after_the_loan_period(db, a_copy, a_member, now):
    copy_id, member_id = a_copy(), a_member()

    borrowed = loans.borrow_copy(copy_id=copy_id, member_id=member_id, now=now)

    loan = Loan.objects.get()
    assert loan.id == borrowed.loan_id
    assert loan.due_at == datetime(2026, 3, 30, 23, 59, 59, tzinfo=UTC)
    assert (loan.copy_id, loan.member_id) == (copy_id, member_id)


def test_a_copy_on_loan_cannot_be_borrowed_again(db, a_loan, a_member, now):
    loan = a_loan()

    with pytest.raises(CopyOnLoan) as refusal:
        loans.borrow_copy(copy_id=loan.copy_id, member_id=a_member(), now=now)

    assert refusal.value.facts["due_at"] == loan.due_at


def test_the_member_who_has_a_copy_is_told_so(db, a_loan, now):
    loan = a_loan()

    with pytest.raises(AlreadyOnLoanToMember):
        loans.borrow_copy(copy_id=loan.copy_id, member_id=loan.member_id, now=now)


def test_a_member_may_borrow_up_to_the_limit_and_no_further(
    db, a_loan, a_copy, a_member, now
):
    member_id = a_member()
    a_loan(member_id=member_id)
    a_loan(member_id=member_id)

    with pytest.raises(LoanLimit) as refusal:
        loans.borrow_copy(copy_id=a_copy(), member_id=member_id, now=now)

    assert refusal.value.facts == {"open_loans": 2, "limit": 2}
    assert Loan.objects.count() == 2


def test_all_reasons_that_apply_are_said_together(db, a_loan, a_member, now):
    member_id, taken = a_member(), a_loan()
    a_loan(member_id=member_id)
    a_loan(member_id=member_id)

    with pytest.raises(CopyOnLoan) as refusal:
        loans.borrow_copy(copy_id=taken.copy_id, member_id=member_id, now=now)

    assert [each.code for each in refusal.value.reasons] == [
        "copy_on_loan",
        "loan_limit",
    ]


def test_a_return_makes_room_for_another_loan(db, a_loan, a_copy, a_member, now):
    member_id = a_member()
    first = a_loan(member_id=member_id)
    a_loan(member_id=member_id)
    loans.return_copy(copy_id=first.copy_id, now=now)

    borrowed = loans.borrow_copy(copy_id=a_copy(), member_id=member_id, now=now)

    assert Loan.objects.open().filter(id=borrowed.loan_id).exists()


def test_a_refusal_records_nothing(db, a_loan, a_member, now):
    loan, member_id = a_loan(), a_member()
    before = Event.objects.count()

    with pytest.raises(Refusal):
        loans.borrow_copy(copy_id=loan.copy_id, member_id=member_id, now=now)

    assert Event.objects.count() == before


def test_unknown_members_and_copies_are_another_answer(db, a_copy, a_member, now):
    with pytest.raises(UnknownMember) as no_member:
        loans.borrow_copy(copy_id=a_copy(), member_id=uuid4(), now=now)
    with pytest.raises(UnknownCopy) as no_copy:
        loans.borrow_copy(copy_id=uuid4(), member_id=a_member(), now=now)

    assert no_member.value.status == no_copy.value.status == 404


def test_a_copy_comes_back_whoever_brings_it(db, a_loan, now):
    loan = a_loan()

    returned = loans.return_copy(copy_id=loan.copy_id, now=now)

    assert returned.member_id == loan.member_id
    assert Loan.objects.get().returned_at == now


def test_a_copy_on_the_shelf_cannot_be_returned(db, a_copy, now):
    with pytest.raises(CopyNotOnLoan):
        loans.return_copy(copy_id=a_copy(), now=now)


def test_a_closed_loan_is_not_closed_again_by_the_next_one(db, a_loan, a_member, now):
    first = a_loan()
    loans.return_copy(copy_id=first.copy_id, now=now)
    a_loan(copy_id=first.copy_id)

    with pytest.raises(AlreadyReturned):
        loans.return_copy(copy_id=first.copy_id, loan_id=first.loan_id, now=now)

    assert Loan.objects.open().count() == 1


def test_a_borrowed_copy_stays_in_stock(db, a_loan, now):
    loan = a_loan()

    with pytest.raises(StillInUse) as refusal:
        remove_copy(copy_id=loan.copy_id, now=now)

    assert refusal.value.facts["blockers"] == [loan.loan_id]


def test_a_copy_removed_after_its_return_keeps_its_history(db, a_loan, now):
    loan = a_loan()
    loans.return_copy(copy_id=loan.copy_id, now=now)

    remove_copy(copy_id=loan.copy_id, now=now)

    assert Loan.objects.get().copy.removed_at == now


def test_two_open_loans_of_one_copy_cannot_exist(db, a_loan, a_member):
    loan = a_loan()

    with pytest.raises(IntegrityError, match="one_open_per_copy"), transaction.atomic():
        advance(replace(loan, loan_id=uuid4()))


def test_nobody_writes_a_loan_by_hand(db, a_loan):
    a_loan()
    loan = Loan.objects.get()

    for write in (
        loan.save,
        loan.delete,
        Loan.objects.create,
        Loan.objects.all().delete,
        lambda: Loan.objects.update(due_at=None),
        lambda: Loan.objects.bulk_create([loan]),
        loan.member.loans.create,
    ):
        with pytest.raises(WriteOutsideAdvance):
            write()


def test_many_at_once_for_one_copy_make_one_loan(committed_db, a_copy, a_member, now):
    copy_id, members = a_copy(), [a_member() for _ in range(8)]

    answers = at_once(
        8,
        lambda n: loans.borrow_copy(copy_id=copy_id, member_id=members[n], now=now),
    )

    codes = [getattr(answer, "code", "borrowed") for answer in answers]
    assert sorted(codes) == ["borrowed"] + ["copy_on_loan"] * 7


def test_many_at_once_by_one_member_stop_at_the_limit(
    committed_db, a_copy, a_member, now
):
    member_id, copies = a_member(), [a_copy() for _ in range(8)]

    answers = at_once(
        8,
        lambda n: loans.borrow_copy(copy_id=copies[n], member_id=member_id, now=now),
    )

    codes = [getattr(answer, "code", "borrowed") for answer in answers]
    assert sorted(codes) == ["borrowed"] * 2 + ["loan_limit"] * 6


def test_a_borrow_asks_the_database_so_often(
    db, a_copy, a_member, now, django_assert_num_queries
):
    copy_id, member_id = a_copy(), a_member()

    # A savepoint and its release, the gate, member locked, a hold of theirs, the
    # copy locked, the policy, how both stand, the row of the loan; the event and its
    # outbox row in one.
    with django_assert_num_queries(10):
        loans.borrow_copy(copy_id=copy_id, member_id=member_id, now=now)
