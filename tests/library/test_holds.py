"""Holds, in a librarian's words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from library.advance import advance
from library.catalog.books import withdraw_book
from library.catalog.copies import remove_copy
from library.catalog.refusals import UnknownBook
from library.lending import holds, loans
from library.lending.hold_events import HoldReady
from library.lending.hold_refusals import (
    AlreadyOnHold,
    HoldClosed,
    HoldLimit,
    HoldNotOver,
    NothingToHold,
    UnknownHold,
)
from library.lending.models import Hold, Loan
from library.lending.refusals import (
    AlreadyOnLoanToMember,
    OnHoldForOther,
)
from library.members.refusals import UnknownMember
from library.policies import policies
from library.refusals import StillInUse
from outbox.models import Event
from tests.threads import at_once

PICKUP_ENDS = datetime(2026, 3, 12, 23, 59, 59, tzinfo=UTC)


def status(hold):
    return Hold.objects.get(id=hold.hold_id).status


def positions(book_id):
    queue = Hold.objects.open().with_positions().filter(book=book_id)
    return list(queue.order_by("number").values_list("position", flat=True))


@pytest.fixture
def lent(a_loan):
    """A book whose only copy is on loan."""
    return a_loan()


# --- The queue ----------------------------------------------------------------


def test_members_wait_in_the_order_in_which_they_came(db, lent, a_hold):
    first, second = a_hold(lent.book_id), a_hold(lent.book_id)

    assert (first.number, second.number) == (1, 2)
    assert positions(lent.book_id) == [1, 2]
    assert status(first) == status(second) == "waiting"


def test_who_cancels_leaves_no_gap(db, lent, a_hold, now):
    waiting = [a_hold(lent.book_id) for _ in range(3)]

    holds.cancel_hold(hold_id=waiting[1].hold_id, now=now)
    a_hold(lent.book_id)

    assert positions(lent.book_id) == [1, 2, 3]
    assert status(waiting[1]) == "cancelled"


def test_a_copy_on_the_shelf_is_set_aside_at_once(db, a_copy, a_book, a_hold):
    book_id = a_book()
    copy_id = a_copy(book_id=book_id)

    first, second = a_hold(book_id), a_hold(book_id)

    ready = Hold.objects.get(id=first.hold_id)
    assert (ready.status, ready.copy_id) == ("ready", copy_id)
    assert ready.pickup_until == PICKUP_ENDS
    assert status(second) == "waiting"
    assert positions(book_id) == [None, 1]


def test_a_copy_that_comes_back_is_for_whose_turn_it_is(db, lent, a_hold, now):
    first, second = a_hold(lent.book_id), a_hold(lent.book_id)

    loans.return_copy(copy_id=lent.copy_id, now=now)

    assert (status(first), status(second)) == ("ready", "waiting")
    latest = Event.objects.order_by("-seq")[:2]
    assert [each.type for each in latest] == ["hold.ready", "book.returned"]


def test_a_copy_is_for_the_first_to_whom_it_may_be_lent(
    db, a_copy, a_book, a_hold, a_member, a_loan, now
):
    policies.set_policy(name="none", kind="restricted", loan_days=0, now=now)
    researchers = {"category": "researcher", "kind": "restricted"}
    policies.set_policy(name="researchers", now=now, **researchers)
    book_id = a_book()
    a_loan(copy_id=a_copy(book_id=book_id))
    reader = a_hold(book_id)
    researcher = a_hold(book_id, a_member(category="researcher"))

    a_copy(book_id=book_id, kind="restricted")
    holds.hand_out(book_id=book_id, now=now)

    assert (status(reader), status(researcher)) == ("waiting", "ready")


def test_pickup_ends_with_an_open_day_by_the_branchs_clocks(
    db, a_branch, a_copy, a_book, a_hold
):
    book_id = a_book()
    chicago = a_branch(time_zone="America/Chicago", closed_weekdays=[3])
    a_copy(book_id=book_id, branch_id=chicago)

    a_hold(book_id, now=datetime(2026, 3, 3, 4, tzinfo=UTC))  # there, the day before

    # Thursday the 12th is closed; clocks went forward on the 8th.
    pickup_until = Hold.objects.get().pickup_until
    assert pickup_until == datetime(2026, 3, 14, 4, 59, 59, tzinfo=UTC)


def test_where_no_branch_ever_opens_nothing_is_set_aside(
    db, a_branch, a_copy, a_book, a_hold
):
    book_id = a_book()
    a_copy(book_id=book_id, branch_id=a_branch(closed_weekdays=range(7)))

    hold = a_hold(book_id)

    assert status(hold) == "waiting"


# --- Refusals -----------------------------------------------------------------


def test_a_member_may_hold_up_to_the_limit_and_no_further(
    db, a_loan, a_hold, a_member, now
):
    policies.set_policy(name="all", hold_limit=1, now=now)
    member_id = a_member()
    first = a_hold(a_loan().book_id, member_id)

    with pytest.raises(HoldLimit) as refusal:
        a_hold(a_loan().book_id, member_id)
    holds.cancel_hold(hold_id=first.hold_id, now=now)
    a_hold(a_loan().book_id, member_id)

    assert refusal.value.facts == {"open_holds": 1, "limit": 1}


def test_a_member_waits_for_a_book_once(db, lent, a_hold, a_member):
    member_id = a_member()
    a_hold(lent.book_id, member_id)

    with pytest.raises(AlreadyOnHold):
        a_hold(lent.book_id, member_id)


def test_who_has_a_book_need_not_wait_for_it(db, lent, a_hold):
    with pytest.raises(AlreadyOnLoanToMember):
        a_hold(lent.book_id, lent.member_id)


def test_there_must_be_a_copy_that_may_be_lent(db, a_book, a_copy, a_hold, now):
    policies.set_policy(name="none", kind="reading-room", loan_days=0, now=now)
    book_id = a_book()
    a_copy(book_id=book_id, kind="reading-room")

    for wanted in (book_id, a_book()):
        with pytest.raises(NothingToHold):
            a_hold(wanted)


def test_all_reasons_against_a_hold_are_said_together(db, lent, a_hold, a_member, now):
    member_id = a_member()
    a_hold(lent.book_id, member_id)
    policies.set_policy(name="all", hold_limit=1, now=now)

    with pytest.raises(AlreadyOnHold) as refusal:
        a_hold(lent.book_id, member_id)

    assert [each.code for each in refusal.value.reasons] == [
        "already_on_hold",
        "hold_limit",
    ]


def test_unknown_books_members_and_holds_are_another_answer(db, lent, a_hold, now):
    with pytest.raises(UnknownBook):
        a_hold(uuid4())
    with pytest.raises(UnknownMember):
        a_hold(lent.book_id, uuid4())
    with pytest.raises(UnknownHold):
        holds.cancel_hold(hold_id=uuid4(), now=now)


def test_a_cancelled_hold_is_not_cancelled_again(db, lent, a_hold, now):
    hold = a_hold(lent.book_id)
    holds.cancel_hold(hold_id=hold.hold_id, now=now)

    with pytest.raises(HoldClosed) as refusal:
        holds.cancel_hold(hold_id=hold.hold_id, now=now)

    assert refusal.value.facts["outcome"] == "cancelled"


# --- Ready --------------------------------------------------------------------


def test_a_ready_copy_leaves_only_with_its_member(db, lent, a_hold, a_loan, now):
    hold = a_hold(lent.book_id)
    loans.return_copy(copy_id=lent.copy_id, now=now)

    with pytest.raises(OnHoldForOther):
        a_loan(copy_id=lent.copy_id)
    borrowed = a_loan(copy_id=lent.copy_id, member_id=hold.member_id)

    assert status(hold) == "fulfilled"
    assert (borrowed.hold_id, borrowed.hold_copy_id) == (hold.hold_id, lent.copy_id)


def test_who_borrows_another_copy_leaves_the_one_set_aside_to_the_next(
    db, lent, a_copy, a_hold, a_loan, a_member, now
):
    policies.set_policy(name="no", kind="rare", loan_days=0, now=now)
    policies.set_policy(
        name="yes", category="student", kind="rare", loan_days=1, now=now
    )
    hold = a_hold(lent.book_id, member_id=a_member(category="student"))
    following = a_hold(lent.book_id)
    loans.return_copy(copy_id=lent.copy_id, now=now)
    other = a_copy(book_id=lent.book_id, kind="rare")

    a_loan(copy_id=other, member_id=hold.member_id)

    assert (status(hold), status(following)) == ("fulfilled", "ready")
    assert Hold.objects.get(id=following.hold_id).copy_id == lent.copy_id


def test_who_waits_and_borrows_waits_no_longer(db, lent, a_copy, a_hold, a_loan, now):
    hold = a_hold(lent.book_id)
    policies.set_policy(name="no", kind="rare", loan_days=0, now=now)
    other = a_copy(book_id=lent.book_id, kind="rare")
    policies.set_policy(name="yes", kind="rare", loan_days=1, now=now)

    borrowed = a_loan(copy_id=other, member_id=hold.member_id)

    assert status(hold) == "fulfilled"
    assert borrowed.hold_copy_id is None


def test_a_cancelled_ready_hold_leaves_its_copy_to_the_next(db, lent, a_hold, now):
    first, second = a_hold(lent.book_id), a_hold(lent.book_id)
    loans.return_copy(copy_id=lent.copy_id, now=now)

    holds.cancel_hold(hold_id=first.hold_id, now=now)

    assert (status(first), status(second)) == ("cancelled", "ready")


def test_a_hold_that_nobody_came_for_expires_with_its_last_day(db, lent, a_hold, now):
    first, second = a_hold(lent.book_id), a_hold(lent.book_id)
    loans.return_copy(copy_id=lent.copy_id, now=now)

    with pytest.raises(HoldNotOver):
        holds.expire_hold(hold_id=first.hold_id, now=PICKUP_ENDS)
    with pytest.raises(HoldNotOver):
        holds.expire_hold(hold_id=second.hold_id, now=PICKUP_ENDS)
    after = PICKUP_ENDS + timedelta(seconds=1)
    holds.expire_hold(hold_id=first.hold_id, now=after)

    assert (status(first), status(second)) == ("expired", "ready")
    with pytest.raises(HoldClosed):
        holds.expire_hold(hold_id=first.hold_id, now=after)


# --- Renewals -----------------------------------------------------------------


def test_a_loan_that_another_waits_for_is_not_renewed(db, lent, a_hold, now):
    a_hold(lent.book_id)

    with pytest.raises(OnHoldForOther):
        loans.renew_loan(loan_id=lent.loan_id, now=now)


def test_with_one_hold_and_a_free_second_copy_a_loan_is_renewed(
    db, lent, a_copy, a_hold, now
):
    a_copy(book_id=lent.book_id)
    a_hold(lent.book_id)

    renewed = loans.renew_loan(loan_id=lent.loan_id, now=now)
    a_hold(lent.book_id)

    assert renewed.renewals == 1
    with pytest.raises(OnHoldForOther):
        loans.renew_loan(loan_id=lent.loan_id, now=now)


def test_all_reasons_against_a_renewal_with_the_hold_first(db, lent, a_hold, now):
    a_hold(lent.book_id)
    policies.set_policy(name="all", renewal_limit=0, now=now)

    with pytest.raises(OnHoldForOther) as refusal:
        loans.renew_loan(loan_id=lent.loan_id, now=now)

    assert [each.code for each in refusal.value.reasons] == [
        "on_hold_for_other",
        "renewals_used",
    ]


# --- What may not go ----------------------------------------------------------


def test_a_book_that_somebody_waits_for_is_not_withdrawn(
    db, a_book, a_copy, a_hold, now
):
    book_id = a_book()
    copy_id = a_copy(book_id=book_id)
    hold = a_hold(book_id)

    with pytest.raises(StillInUse) as no_copy:
        remove_copy(copy_id=copy_id, now=now)
    with pytest.raises(StillInUse) as no_book:
        withdraw_book(book_id=book_id, now=now)

    assert no_copy.value.facts["blockers"] == [hold.hold_id]
    assert hold.hold_id in no_book.value.facts["blockers"]


# --- What cannot be -----------------------------------------------------------


def test_what_the_rules_forbid_the_tables_cannot_hold(
    db, lent, a_hold, a_copy, a_book, now
):
    first, second = a_hold(lent.book_id), a_hold(lent.book_id)
    loans.return_copy(copy_id=lent.copy_id, now=now)
    ready = HoldReady(
        hold_id=second.hold_id,
        book_id=second.book_id,
        member_id=second.member_id,
        copy_id=lent.copy_id,
        branch_id=None,
        ready_at=now,
        pickup_until=now,
        pickup_days=0,
    )

    for name, impossible in {
        "one_open_per_copy": ready,
        "member_and_book": replace(first, hold_id=uuid4(), number=3),
        "hold_number": replace(first, hold_id=uuid4(), book_id=a_book(), number=1),
    }.items():
        if name == "hold_number":
            a_copy(book_id=impossible.book_id)
            a_hold(impossible.book_id)
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            advance(impossible)


# --- At once ------------------------------------------------------------------


def test_many_race_for_the_last_copy_and_one_has_it(
    committed_db, a_book, a_copy, a_member, now
):
    book_id, members = a_book(), [a_member() for _ in range(50)]
    a_copy(book_id=book_id)

    answers = at_once(
        50,
        lambda n: holds.place_hold(book_id=book_id, member_id=members[n], now=now),
    )

    assert [each for each in answers if isinstance(each, Exception)] == []
    assert Hold.objects.ready().count() == 1
    assert positions(book_id) == [None, *range(1, 50)]


def test_one_member_asks_often_and_waits_once(committed_db, a_loan, a_member, now):
    book_id, member_id = a_loan().book_id, a_member()

    answers = at_once(
        8, lambda _: holds.place_hold(book_id=book_id, member_id=member_id, now=now)
    )

    codes = [getattr(answer, "code", "placed") for answer in answers]
    assert sorted(codes) == ["already_on_hold"] * 7 + ["placed"]


@pytest.fixture
def eight_lent(committed_db, a_book, a_copy, a_loan):
    """Lend eight copies of one book."""
    book_id = a_book()
    return [a_loan(copy_id=a_copy(book_id=book_id)) for _ in range(8)]


def test_copies_that_come_back_at_once_are_for_as_many_members(eight_lent, a_hold, now):
    for loan in eight_lent:
        a_hold(loan.book_id)

    answers = at_once(
        8, lambda n: loans.return_copy(copy_id=eight_lent[n].copy_id, now=now)
    )

    assert [each for each in answers if isinstance(each, Exception)] == []
    ready = Hold.objects.ready().values_list("copy", flat=True)
    assert set(ready) == {loan.copy_id for loan in eight_lent}


def test_renewals_at_once_of_what_others_want_do_not_wait_for_each_other_for_ever(
    eight_lent, a_hold, now
):
    for _ in range(2):
        a_hold(eight_lent[0].book_id)

    answers = at_once(
        8, lambda n: loans.renew_loan(loan_id=eight_lent[n].loan_id, now=now)
    )

    assert {getattr(each, "code", each) for each in answers} == {"on_hold_for_other"}


def test_a_hold_is_cancelled_once_however_often_it_is_tried(eight_lent, a_hold, now):
    hold = a_hold(eight_lent[0].book_id)

    answers = at_once(8, lambda _: holds.cancel_hold(hold_id=hold.hold_id, now=now))

    codes = [getattr(answer, "code", "cancelled") for answer in answers]
    assert sorted(codes) == ["cancelled"] + ["hold_closed"] * 7


def test_whatever_happens_at_once_no_copy_is_promised_twice(
    committed_db, a_book, a_copy, a_loan, a_member, now
):
    book_id = a_book()
    lent = [a_loan(copy_id=a_copy(book_id=book_id)) for _ in range(4)]
    members = [a_member() for _ in range(12)]
    placed = [
        holds.place_hold(book_id=book_id, member_id=members[n], now=now)
        for n in range(4)
    ]

    def act(number):
        what, which = divmod(number, 4)
        if what == 0:
            return loans.return_copy(copy_id=lent[which].copy_id, now=now)
        if what == 1:
            return holds.cancel_hold(hold_id=placed[which].hold_id, now=now)
        member_id = members[number - 4]
        if what == 2:
            return holds.place_hold(book_id=book_id, member_id=member_id, now=now)
        borrow = {"copy_id": lent[which].copy_id, "member_id": member_id}
        return loans.borrow_copy(now=now, **borrow)

    answers = at_once(16, act)

    codes = {getattr(answer, "code", "done") for answer in answers}
    assert codes <= {"done", "copy_on_loan", "on_hold_for_other"}
    at_home = set(Loan.objects.open().values_list("copy", flat=True))
    aside = set(Hold.objects.ready().values_list("copy", flat=True))
    assert at_home & aside == set()
    waiting = Hold.objects.waiting(book_id).count()
    assert not waiting or len(at_home | aside) == 4
