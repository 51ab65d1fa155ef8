"""What a member may wait for and for how long, in a librarian's words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from library.accounts import fees
from library.accounts.models import Fee
from library.advance import advance
from library.catalog.books import withdraw_book
from library.catalog.copies import remove_copy
from library.catalog.refusals import UnknownCopy
from library.lending import hold_rules, holds, loans, start_of_day
from library.lending.hold_events import HoldReady
from library.lending.hold_refusals import (
    HoldLimit,
    HoldNeedsAnEnd,
    HoldNotOver,
    InvalidHold,
    NothingToHold,
)
from library.lending.models import Hold
from library.lending.refusals import FeeLimit, OnHoldForOther, OverdueLimit, Restricted
from library.members import membership
from library.members.refusals import MemberBlocked, MemberExpired
from library.policies import policies
from library.refusals import StillInUse
from outbox.models import Event
from tests.threads import at_once

SECOND = timedelta(seconds=1)


def status(hold):
    return Hold.objects.get(id=hold.hold_id).status


def codes(refusal):
    return [each.code for each in refusal.value.reasons]


@pytest.fixture
def lent(a_loan):
    """A book whose only copy is on loan."""
    return a_loan()


# --- Who may wait -------------------------------------------------------------


def test_who_is_blocked_or_no_member_any_more_places_no_hold(
    db, lent, a_hold, a_member, now
):
    blocked, over = a_member(), a_member()
    membership.block_member(member_id=blocked, reason="fees", now=now)
    membership.extend_membership(member_id=over, until=now.date(), now=now)
    midnight = datetime(2026, 3, 3, tzinfo=UTC)

    with pytest.raises(MemberBlocked):
        a_hold(lent.book_id, blocked)
    with pytest.raises(MemberExpired):
        a_hold(lent.book_id, over, now=midnight)

    assert a_hold(lent.book_id, over, now=midnight - SECOND)


def test_a_membership_ends_by_the_clocks_of_where_the_book_is_wanted(
    db, lent, a_branch, a_hold, a_member, now
):
    over = a_member()
    membership.extend_membership(member_id=over, until=now.date(), now=now)
    chicago = a_branch(time_zone="America/Chicago")
    midnight = datetime(2026, 3, 3, 6, tzinfo=UTC)

    with pytest.raises(MemberExpired):
        a_hold(lent.book_id, over, now=midnight, pickup_branch_id=chicago)

    there = {"now": midnight - SECOND, "pickup_branch_id": chicago}
    assert a_hold(lent.book_id, over, **there)


def test_who_owes_too_much_places_no_hold(db, lent, a_loan, a_hold, now):
    policies.set_policy(name="all", fee_per_day=10, fee_limit=20, now=now)
    late = a_loan()
    back = late.due_at + timedelta(days=2)
    loans.return_copy(copy_id=late.copy_id, now=back)

    with pytest.raises(FeeLimit) as refusal:
        a_hold(lent.book_id, late.member_id, now=back)
    fees.settle_fee(fee_id=Fee.objects.get().id, how="paid", now=back)

    assert refusal.value.facts == {"balance": 20, "limit": 20}
    assert a_hold(lent.book_id, late.member_id, now=back)


def test_who_owes_less_than_the_limit_may_wait(db, lent, a_loan, a_hold, now):
    policies.set_policy(name="all", fee_per_day=10, fee_limit=20, now=now)
    late = a_loan()
    back = late.due_at + timedelta(days=1)
    loans.return_copy(copy_id=late.copy_id, now=back)

    assert a_hold(lent.book_id, late.member_id, now=back)


def test_where_one_of_two_branches_would_lend_a_member_may_wait(
    db, a_branch, a_copy, a_loan, a_hold, a_member, a_book
):
    here, there, member_id = a_branch(), a_branch(), a_member()
    for _ in range(2):
        late = a_loan(a_copy(branch_id=here), member_id)
    book_id, moment = a_book(), late.due_at + timedelta(days=1)
    a_copy(book_id, branch_id=here)

    with pytest.raises(OverdueLimit):
        a_hold(book_id, member_id, now=moment)
    a_copy(book_id, branch_id=there)
    with pytest.raises(OverdueLimit):
        a_hold(book_id, member_id, now=moment, pickup_branch_id=here)

    assert a_hold(book_id, member_id, now=moment)


def test_a_loan_is_late_from_the_first_second_of_the_branchs_day(
    db, a_branch, a_copy, a_loan, a_hold, a_member, a_book, now
):
    policies.set_policy(name="all", now=now, overdue_limit=1)
    tashkent, member_id, book_id = a_branch(), a_member(), a_book()
    late = a_loan(a_copy(branch_id=tashkent), member_id)
    a_copy(book_id, branch_id=tashkent)
    midnight = datetime(2026, 3, 30, 19, tzinfo=UTC)

    assert late.due_at == midnight - SECOND
    with pytest.raises(OverdueLimit):
        a_hold(book_id, member_id, now=midnight)
    assert a_hold(book_id, member_id, now=midnight - SECOND)


def test_all_reasons_against_a_hold_the_members_first(
    db, lent, a_hold, a_member, a_loan, now
):
    policies.set_policy(name="all", hold_limit=0, overdue_limit=1, now=now)
    late = a_loan()
    membership.block_member(member_id=late.member_id, reason="fees", now=now)

    with pytest.raises(MemberBlocked) as refusal:
        a_hold(
            lent.book_id,
            late.member_id,
            now=late.due_at + SECOND,
            open_ended=True,
        )

    assert codes(refusal) == [
        "member_blocked",
        "overdue_limit",
        "hold_limit",
        "hold_needs_an_end",
    ]


def test_the_last_hold_announces_the_limit(db, a_loan, a_hold, a_member, now):
    policies.set_policy(name="all", hold_limit=2, now=now)
    member_id = a_member()

    left = [a_hold(a_loan().book_id, member_id).holds_left for _ in range(2)]
    with pytest.raises(HoldLimit):
        a_hold(a_loan().book_id, member_id)

    assert left == [1, 0]


# --- Restricted copies --------------------------------------------------------


@pytest.fixture
def researchers(now):
    policies.set_policy(
        name="researchers",
        category="researcher",
        restricted=True,
        open_ended=True,
        now=now,
    )


def test_a_restricted_copy_is_lent_where_the_policy_says_so(
    db, researchers, a_copy, a_member, a_loan
):
    copy_id = a_copy(restricted=True)

    with pytest.raises(Restricted) as refusal:
        a_loan(copy_id)

    assert codes(refusal) == ["restricted"]
    assert a_loan(copy_id, a_member(category="researcher"))


def test_a_restricted_copy_that_comes_back_is_for_the_first_who_may_have_it(
    db, researchers, a_book, a_copy, a_member, a_loan, a_hold, now
):
    book_id = a_book()
    a_loan(a_copy(book_id))
    copy_id = a_copy(book_id, restricted=True)
    a_loan(copy_id, a_member(category="researcher"))
    reader, researcher = (
        a_hold(book_id),
        a_hold(book_id, a_member(category="researcher")),
    )

    loans.return_copy(copy_id=copy_id, now=now)

    assert (status(reader), status(researcher)) == ("waiting", "ready")


def test_restricted_and_nothing_at_all_are_two_answers(db, a_book, a_copy, a_hold, now):
    book_id = a_book()
    with pytest.raises(NothingToHold):
        a_hold(book_id)
    a_copy(book_id, restricted=True)
    with pytest.raises(Restricted):
        a_hold(book_id)
    a_copy(book_id)

    assert status(a_hold(book_id)) == "ready"


# --- This very copy -----------------------------------------------------------


def test_who_waits_for_one_copy_is_not_given_another(
    db, a_book, a_copy, a_loan, a_hold, now
):
    book_id = a_book()
    wanted = a_loan(a_copy(book_id))
    a_copy(book_id)

    hold = a_hold(book_id, copy_id=wanted.copy_id)
    assert status(hold) == "waiting"
    loans.return_copy(copy_id=wanted.copy_id, now=now)

    assert Hold.objects.get(id=hold.hold_id).copy_id == wanted.copy_id
    assert status(hold) == "ready"


def test_another_copy_goes_past_who_waits_for_one(
    db, a_book, a_copy, a_loan, a_hold, now
):
    book_id = a_book()
    wanted, other = (a_loan(a_copy(book_id)) for _ in range(2))
    first, second = a_hold(book_id, copy_id=wanted.copy_id), a_hold(book_id)

    loans.return_copy(copy_id=other.copy_id, now=now)

    assert (status(first), status(second)) == ("waiting", "ready")


def test_a_hold_of_one_copy_ends_with_this_copy_alone(
    db, a_book, a_copy, a_loan, a_hold, now
):
    book_id = a_book()
    wanted, other = a_loan(a_copy(book_id)), a_copy(book_id)
    hold = a_hold(book_id, copy_id=wanted.copy_id)

    borrowed = a_loan(other, hold.member_id)
    assert (borrowed.hold_id, status(hold)) == (None, "waiting")
    loans.return_copy(copy_id=wanted.copy_id, now=now)
    borrowed = a_loan(wanted.copy_id, hold.member_id)

    assert (borrowed.hold_id, status(hold)) == (hold.hold_id, "fulfilled")


def test_a_copy_of_another_book_or_none_is_not_waited_for(db, lent, a_copy, a_hold):
    for copy_id in (a_copy(), uuid4()):
        with pytest.raises(UnknownCopy):
            a_hold(lent.book_id, copy_id=copy_id)


def test_a_copy_that_somebody_waits_for_is_not_removed(
    db, a_book, a_copy, a_loan, a_hold, now
):
    book_id = a_book()
    wanted = a_loan(a_copy(book_id))
    hold = a_hold(book_id, copy_id=wanted.copy_id)

    with pytest.raises(StillInUse) as refusal:
        remove_copy(copy_id=wanted.copy_id, now=now)

    assert refusal.value.facts["blockers"] == [wanted.loan_id, hold.hold_id]
    with pytest.raises(StillInUse) as of_the_book:
        withdraw_book(book_id=wanted.book_id, now=now)
    assert of_the_book.value.facts["blockers"] == [hold.hold_id, wanted.loan_id]


def test_ones_own_hold_of_a_copy_does_not_stop_ones_renewal(
    db, a_book, a_copy, a_loan, a_hold, now
):
    book_id = a_book()
    wanted, other = a_loan(a_copy(book_id)), a_copy(book_id)
    hold = a_hold(book_id, copy_id=wanted.copy_id)
    mine = a_loan(other, hold.member_id)

    assert loans.renew_loan(loan_id=mine.loan_id, now=now)


def test_who_may_not_have_a_copy_does_not_stop_its_renewal(
    db, researchers, a_book, a_copy, a_member, a_loan, a_hold, now
):
    book_id = a_book()
    a_loan(a_copy(book_id))
    copy_id = a_copy(book_id, restricted=True)
    mine = a_loan(copy_id, a_member(category="researcher"))
    a_hold(book_id)

    assert loans.renew_loan(loan_id=mine.loan_id, now=now)
    a_hold(book_id, a_member(category="researcher"))
    with pytest.raises(OnHoldForOther):
        loans.renew_loan(loan_id=mine.loan_id, now=now)


def test_another_copy_than_the_wanted_one_cannot_be_set_aside(
    db, a_book, a_copy, a_loan, a_hold, now
):
    book_id = a_book()
    wanted, other = a_loan(a_copy(book_id)), a_copy(book_id)
    hold = a_hold(book_id, copy_id=wanted.copy_id)
    ready = HoldReady(
        hold_id=hold.hold_id,
        book_id=book_id,
        member_id=hold.member_id,
        copy_id=other,
        branch_id=None,
        ready_at=now,
        pickup_until=now,
        pickup_days=0,
    )

    with pytest.raises(IntegrityError, match="the_wanted_copy"), transaction.atomic():
        advance(ready)


# --- For how long -------------------------------------------------------------


@pytest.mark.parametrize("wrong", [{"days": 0}, {"days": -1}, {"days": 3_651}])
def test_a_hold_waits_for_a_day_at_least(db, lent, a_hold, wrong):
    with pytest.raises(InvalidHold):
        a_hold(lent.book_id, **wrong)
    with pytest.raises(InvalidHold):
        a_hold(lent.book_id, days=1, open_ended=True)

    assert not Event.objects.filter(type="hold.placed").exists()
    assert a_hold(lent.book_id, days=1)


def test_where_nothing_is_said_a_hold_waits_as_the_policy_says(db, lent, a_hold, now):
    assert a_hold(lent.book_id).ends_at == datetime(2027, 3, 2, 23, 59, 59, tzinfo=UTC)
    policies.set_policy(name="all", hold_days=30, now=now)

    assert a_hold(lent.book_id).ends_at == datetime(2026, 4, 1, 23, 59, 59, tzinfo=UTC)


def test_a_hold_is_over_with_its_last_day_by_the_clocks_of_where_it_is_wanted(
    db, lent, a_branch, a_hold
):
    london = a_branch(time_zone="Europe/London")
    # Clocks go forward on the 29th of March and back on the 25th of October.
    for moment, days, end in [
        ("2026-03-28T12:00", 1, "2026-03-29T22:59:59"),
        ("2026-10-24T12:00", 1, "2026-10-25T23:59:59"),
        ("2026-07-01T23:30", 1, "2026-07-03T22:59:59"),
    ]:
        placed = a_hold(
            lent.book_id,
            now=datetime.fromisoformat(moment).replace(tzinfo=UTC),
            days=days,
            pickup_branch_id=london,
        )

        ends_at = datetime.fromisoformat(end).replace(tzinfo=UTC)
        assert placed.ends_at == ends_at
        with pytest.raises(HoldNotOver):
            holds.expire_hold(hold_id=placed.hold_id, now=ends_at)
        expired = holds.expire_hold(hold_id=placed.hold_id, now=ends_at + SECOND)
        assert expired.copy_id is None


def test_the_wanted_copys_branch_says_when_the_day_ends(
    db, a_book, a_branch, a_copy, a_loan, a_hold
):
    book_id = a_book()
    wanted = a_loan(a_copy(book_id, branch_id=a_branch()))

    placed = a_hold(book_id, copy_id=wanted.copy_id, days=1)

    assert placed.ends_at == datetime(2026, 3, 3, 18, 59, 59, tzinfo=UTC)


def test_at_the_start_of_the_day_what_waited_long_enough_expires_once(
    db, researchers, lent, a_hold, a_member
):
    over = a_hold(lent.book_id, days=1)
    longer = a_hold(lent.book_id, days=2)
    forever = a_hold(lent.book_id, a_member(category="researcher"), open_ended=True)
    morning = datetime(2026, 3, 4, tzinfo=UTC)

    def expired(moment):
        done = {each.duty: each.done for each in start_of_day.run(now=moment)}
        return done["expire_holds"]

    assert expired(morning - SECOND) == 0
    assert expired(morning) == 1
    assert expired(morning) == 0
    assert [status(each) for each in (over, longer, forever)] == [
        "expired",
        "waiting",
        "waiting",
    ]
    assert forever.ends_at is None


def test_what_is_over_gets_no_copy_even_before_it_expires(db, lent, a_hold, now):
    first, second = a_hold(lent.book_id, days=1), a_hold(lent.book_id)

    loans.return_copy(copy_id=lent.copy_id, now=datetime(2026, 3, 4, tzinfo=UTC))

    assert (status(first), status(second)) == ("waiting", "ready")


def test_a_ready_hold_is_over_with_its_pickup_alone(db, lent, a_hold, now):
    hold = a_hold(lent.book_id, days=1)
    loans.return_copy(copy_id=lent.copy_id, now=now)
    pickup_until = Hold.objects.get(id=hold.hold_id).pickup_until

    with pytest.raises(HoldNotOver):
        holds.expire_hold(hold_id=hold.hold_id, now=pickup_until)

    assert pickup_until.date() == date(2026, 3, 12)
    assert holds.expire_hold(hold_id=hold.hold_id, now=pickup_until + SECOND)


def test_only_where_the_policy_allows_a_hold_waits_for_ever(
    db, researchers, lent, a_hold, a_member
):
    with pytest.raises(HoldNeedsAnEnd) as refusal:
        a_hold(lent.book_id, open_ended=True)

    assert refusal.value.facts == {"policy": "default"}
    assert a_hold(lent.book_id, a_member(category="researcher"), open_ended=True)


# --- At the same moment -------------------------------------------------------


def test_a_copy_is_not_removed_while_somebody_asks_for_it(
    committed_db, a_book, a_copy, a_hold, now, monkeypatch
):
    book_id = a_book()
    wanted, tried = a_copy(book_id), []
    a_copy(book_id)
    check = hold_rules.check_may_hold

    @transaction.atomic
    def remove(_):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '500ms'")
        return remove_copy(copy_id=wanted, now=now)

    def remove_at_the_same_time(*args):
        check(*args)
        tried.extend(at_once(1, remove))

    monkeypatch.setattr(hold_rules, "check_may_hold", remove_at_the_same_time)
    hold = a_hold(book_id, copy_id=wanted)

    assert [type(each) for each in tried] == [OperationalError]
    assert status(hold) == "ready"
