"""Blocks, the end of a membership and categories, in a librarian's words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import OperationalError, transaction

from library.catalog import branches
from library.lending import loans, rules, start_of_day
from library.lending.models import Loan
from library.lending.refusals import NoGain
from library.members import categories, membership
from library.members.erasing import erase_member
from library.members.models import Category, Member
from library.members.preferences import change_preferences
from library.members.refusals import (
    AlreadyBlocked,
    InvalidMember,
    MemberBlocked,
    MemberExpired,
    NotBlocked,
    UnknownMember,
)
from library.policies import policies
from library.refusals import Refusal
from outbox.models import Event
from tests.threads import at_once

LAST_DAY = date(2026, 3, 10)


def codes(refusal):
    return [each.code for each in refusal.value.reasons]


@pytest.fixture
def a_member_until(a_member, now):
    """Register a member whose membership has a last day, and return the id."""

    def make(until=LAST_DAY):
        member_id = a_member()
        membership.extend_membership(member_id=member_id, until=until, now=now)
        return member_id

    return make


# --- Blocks -------------------------------------------------------------------


def test_a_blocked_member_gets_nothing_until_every_reason_is_lifted(
    db, a_member, a_loan, now
):
    member_id = a_member()
    for reason in ("fees", "card_lost"):
        membership.block_member(member_id=member_id, reason=reason, now=now)

    with pytest.raises(MemberBlocked) as refusal:
        a_loan(member_id=member_id)
    membership.unblock_member(member_id=member_id, reason="fees", now=now)
    with pytest.raises(MemberBlocked):
        a_loan(member_id=member_id)
    membership.unblock_member(member_id=member_id, reason="card_lost", now=now)

    assert a_loan(member_id=member_id)
    assert refusal.value.facts["reasons"] == ["card_lost", "fees"]


def test_all_blocks_are_lifted_together(db, a_member, now):
    member_id = a_member()
    for reason in ("fees", "conduct"):
        membership.block_member(member_id=member_id, reason=reason, now=now)

    lifted = membership.unblock_member(member_id=member_id, now=now)

    assert lifted.reasons == ("conduct", "fees")
    assert Member.objects.get().blocked == []


def test_a_block_is_a_code_and_no_words_about_a_person(db, a_member, now):
    member_id = a_member()

    with pytest.raises(InvalidMember) as refusal:
        membership.block_member(member_id=member_id, reason="He shouts.", now=now)

    assert refusal.value.facts["field"] == "reason"
    assert not Event.objects.filter(type="user.blocked").exists()


def test_what_is_so_already_is_not_recorded_again(db, a_member, now):
    member_id = a_member()
    with pytest.raises(NotBlocked):
        membership.unblock_member(member_id=member_id, now=now)
    membership.block_member(member_id=member_id, reason="fees", now=now)

    with pytest.raises(AlreadyBlocked):
        membership.block_member(member_id=member_id, reason="fees", now=now)
    with pytest.raises(NotBlocked):
        membership.unblock_member(member_id=member_id, reason="other", now=now)


def test_nobody_who_is_not_there_is_blocked_or_extended(db, now):
    nobody = {"member_id": uuid4(), "now": now}

    with pytest.raises(UnknownMember):
        membership.block_member(reason="fees", **nobody)
    with pytest.raises(UnknownMember):
        membership.unblock_member(**nobody)
    with pytest.raises(UnknownMember):
        membership.extend_membership(until=LAST_DAY, **nobody)


def test_a_blocked_member_renews_nothing_and_returns_what_there_is(db, a_loan, now):
    loan = a_loan()
    membership.block_member(member_id=loan.member_id, reason="other", now=now)

    with pytest.raises(MemberBlocked):
        loans.renew_loan(loan_id=loan.loan_id, now=now)

    assert loans.return_copy(copy_id=loan.copy_id, now=now)


def test_of_an_erased_member_no_block_stays(db, a_member, now):
    member_id = a_member()
    membership.block_member(member_id=member_id, reason="conduct", now=now)

    erase_member(member_id=member_id, now=now)

    assert Member.objects.get().blocked == []


def test_a_member_who_is_blocked_while_he_borrows_is_blocked_or_has_it(
    committed_db, a_member, a_copy, now
):
    member_id, copy_ids = a_member(), [a_copy() for _ in range(4)]

    def act(number):
        if number == 0:
            return membership.block_member(member_id=member_id, reason="other", now=now)
        copy_id = copy_ids[number - 1]
        return loans.borrow_copy(copy_id=copy_id, member_id=member_id, now=now)

    answers = at_once(5, act)

    assert {getattr(each, "code", "done") for each in answers} <= {
        "done",
        "member_blocked",
    }
    order = Event.objects.filter(type__in=["user.blocked", "book.borrowed"])
    types = list(order.order_by("seq").values_list("type", flat=True))
    assert types[-1] == "user.blocked"


def test_a_block_is_recorded_once_however_many_ask_for_it(committed_db, a_member, now):
    asked = {"member_id": a_member(), "reason": "fees", "now": now}

    answers = at_once(4, lambda _: membership.block_member(**asked))

    codes = [getattr(each, "code", "blocked") for each in answers]
    assert sorted(codes) == ["already_blocked"] * 3 + ["blocked"]


def test_nobody_is_blocked_while_a_loan_of_theirs_is_renewed(
    committed_db, a_loan, now, monkeypatch
):
    loan = a_loan()
    check, tried = rules.check_may_renew, []

    def block_at_the_same_time(*args):
        check(*args)
        tried.extend(at_once(1, lambda _: lock_now(loan.member_id)))

    monkeypatch.setattr(rules, "check_may_renew", block_at_the_same_time)
    loans.renew_loan(loan_id=loan.loan_id, now=now)

    assert [type(each) for each in tried] == [OperationalError]


@transaction.atomic
def lock_now(member_id):
    return Member.objects.select_for_update(nowait=True).get(id=member_id)


# --- The end of a membership --------------------------------------------------


@pytest.mark.parametrize(
    ("time_zone", "last", "first"),
    [
        # The last second of the 10th by the branch's clocks, and the next one.
        ("Asia/Tashkent", "2026-03-10T18:59:59+00:00", "2026-03-10T19:00:00+00:00"),
        ("America/Chicago", "2026-03-11T04:59:59+00:00", "2026-03-11T05:00:00+00:00"),
    ],
)
def test_a_membership_ends_with_its_last_day_by_the_branchs_clocks(
    db, a_branch, a_copy, a_loan, a_member_until, time_zone, last, first
):
    branch_id, member_id = a_branch(time_zone=time_zone), a_member_until()

    def borrow(moment):
        copy_id, now = a_copy(branch_id=branch_id), datetime.fromisoformat(moment)
        return a_loan(copy_id=copy_id, member_id=member_id, now=now)

    borrowed = borrow(last)
    with pytest.raises(MemberExpired) as refusal:
        borrow(first)

    assert borrowed.due_at == datetime.fromisoformat(last)
    assert refusal.value.facts["expires_on"] == LAST_DAY


def test_a_membership_ends_right_on_the_days_when_clocks_change(
    db, a_branch, a_copy, a_loan, a_member_until
):
    london = a_branch(time_zone="Europe/London")
    for day, last in {
        date(2026, 3, 28): datetime(2026, 3, 28, 23, 59, 59, tzinfo=UTC),
        date(2026, 3, 29): datetime(2026, 3, 29, 22, 59, 59, tzinfo=UTC),
        date(2026, 10, 24): datetime(2026, 10, 24, 22, 59, 59, tzinfo=UTC),
        date(2026, 10, 25): datetime(2026, 10, 25, 23, 59, 59, tzinfo=UTC),
    }.items():
        member_id, copy_id = a_member_until(day), a_copy(branch_id=london)

        with pytest.raises(MemberExpired):
            a_loan(copy_id, member_id, now=last + timedelta(seconds=1))
        borrowed = a_loan(copy_id, member_id, now=last - timedelta(days=3))

        assert (borrowed.due_at, borrowed.shortened) == (last, True)


def test_a_loan_is_due_before_the_membership_ends_and_says_so(
    db, a_loan, a_member_until, now
):
    long_enough = a_loan(member_id=a_member_until(date(2026, 3, 30)))
    a_day_short = a_loan(member_id=a_member_until(date(2026, 3, 29)))

    assert long_enough.due_at == datetime(2026, 3, 30, 23, 59, 59, tzinfo=UTC)
    assert a_day_short.due_at == datetime(2026, 3, 29, 23, 59, 59, tzinfo=UTC)
    assert (long_enough.shortened, a_day_short.shortened) == (False, True)
    assert Loan.objects.get(id=a_day_short.loan_id).shortened


def test_a_shortened_loan_is_due_on_an_open_day(
    db, a_branch, a_copy, a_loan, a_member_until
):
    branch_id = a_branch(closed_weekdays=[1], closed_on=[date(2026, 3, 9)])

    # Monday the 9th and Tuesday the 10th are closed.
    borrowed = a_loan(a_copy(branch_id=branch_id), a_member_until())

    assert borrowed.due_at == datetime(2026, 3, 8, 18, 59, 59, tzinfo=UTC)


def test_where_the_branch_is_closed_until_the_end_a_loan_is_due_today(
    db, a_branch, a_copy, a_loan, a_member_until
):
    branch_id = a_branch(closed_on=[date(2026, 3, 9), LAST_DAY])

    copy_id, now = a_copy(branch_id=branch_id), datetime(2026, 3, 9, 9, tzinfo=UTC)
    borrowed = a_loan(copy_id, a_member_until(), now=now)

    assert borrowed.due_at == datetime(2026, 3, 9, 18, 59, 59, tzinfo=UTC)


def test_what_is_due_on_a_closed_day_is_not_moved_past_the_end_of_a_membership(
    db, a_branch, a_copy, a_loan, a_member_until
):
    branch_id = a_branch(closed_on=[date(2026, 3, 9), LAST_DAY])
    copy_id, now = a_copy(branch_id=branch_id), datetime(2026, 3, 9, 9, tzinfo=UTC)
    borrowed = a_loan(copy_id, a_member_until(), now=now)

    start_of_day.run(now=now)

    assert Loan.objects.get().due_at == borrowed.due_at


def test_a_loan_due_on_the_last_day_of_a_membership_stays_so_when_that_is_closed(
    db, a_branch, a_copy, a_loan, a_member_until, now
):
    branch_id = a_branch(name="Here")
    borrowed = a_loan(a_copy(branch_id=branch_id), a_member_until())

    branches.describe_branch(
        branch_id=branch_id,
        name="Here",
        time_zone="Asia/Tashkent",
        closed_on=[LAST_DAY],
        now=now,
    )

    assert Loan.objects.get().due_at == borrowed.due_at


def test_a_renewal_that_moves_nothing_is_refused(db, a_loan, a_member_until, now):
    loan = a_loan(member_id=a_member_until())

    with pytest.raises(NoGain) as refusal:
        loans.renew_loan(loan_id=loan.loan_id, now=now)
    membership.extend_membership(
        member_id=loan.member_id, until=LAST_DAY + timedelta(days=1), now=now
    )
    renewed = loans.renew_loan(loan_id=loan.loan_id, now=now)

    assert refusal.value.facts["expires_on"] == LAST_DAY
    assert renewed.due_at == loan.due_at + timedelta(days=1)
    assert renewed.shortened


def test_with_time_to_spare_a_renewal_is_not_shortened(db, a_loan, a_member_until, now):
    loan = a_loan(member_id=a_member_until(date(2026, 4, 27)))

    renewed = loans.renew_loan(loan_id=loan.loan_id, now=now)

    assert renewed.due_at == datetime(2026, 4, 27, 23, 59, 59, tzinfo=UTC)
    assert not renewed.shortened


def test_all_that_speaks_against_a_member_is_said_together(
    db, a_loan, a_member_until, now
):
    policies.set_policy(name="all", now=now, renewal_limit=0)
    loan = a_loan(member_id=a_member_until())
    membership.block_member(member_id=loan.member_id, reason="fees", now=now)
    later = loan.due_at + timedelta(seconds=1)

    with pytest.raises(MemberExpired) as borrowing:
        a_loan(copy_id=loan.copy_id, member_id=loan.member_id, now=later)
    with pytest.raises(MemberExpired) as renewing:
        loans.renew_loan(loan_id=loan.loan_id, now=later)

    member = ["member_expired", "member_blocked"]
    assert codes(borrowing) == [*member, "already_on_loan_to_member"]
    assert codes(renewing) == [*member, "renewals_used"]


def test_a_branch_that_never_opens_any_more_is_one_reason_among_the_others(
    db, a_branch, a_copy, a_loan, a_member_until, now
):
    here = a_branch(name="Chorsu")
    member_id = a_member_until(date(2026, 3, 20))
    loan = a_loan(copy_id=a_copy(branch_id=here), member_id=member_id)
    membership.block_member(member_id=member_id, reason="conduct", now=now)
    never = {"closed_weekdays": range(7), "time_zone": "UTC"}
    branches.describe_branch(branch_id=here, name="Chorsu", now=now, **never)

    with pytest.raises(Refusal) as refusal:
        loans.renew_loan(loan_id=loan.loan_id, now=now)

    codes = [each.code for each in refusal.value.reasons]
    assert codes == ["member_blocked", "branch_never_opens"]


def test_a_membership_is_extended_to_a_day_that_is_to_come(db, a_member, now):
    member_id = a_member()

    with pytest.raises(InvalidMember):
        membership.extend_membership(
            member_id=member_id, until=date(2026, 3, 1), now=now
        )
    membership.extend_membership(member_id=member_id, until=now.date(), now=now)
    extended = membership.extend_membership(member_id=member_id, until=None, now=now)

    assert extended.expires_on is None
    assert Member.objects.get().expires_on is None


# --- Categories ---------------------------------------------------------------


def test_the_desk_makes_a_category_and_members_and_policies_name_it(
    db, a_member, a_loan, now
):
    with pytest.raises(InvalidMember):
        a_member(category="teacher")
    categories.describe_category(code="teacher", name="Teachers", now=now)
    policies.set_policy(name="t", category="teacher", loan_days=56, now=now)
    registered, changed = a_member(category="teacher"), a_member()
    change_preferences(member_id=changed, category="teacher", now=now)

    assert {a_loan(member_id=each).loan_days for each in (registered, changed)} == {56}


def test_a_category_gets_another_name(db, now):
    for name in ("Teachers", "Those who teach"):
        categories.describe_category(code="teacher", name=name, now=now)

    assert Category.objects.get().name == "Those who teach"


@pytest.mark.parametrize(
    "wrong",
    [{"code": "staff"}, {"code": "A B"}, {"code": ""}, {"name": " "}, {"code": "a\n"}],
)
def test_a_category_that_cannot_be_is_refused(db, now, wrong):
    with pytest.raises(InvalidMember):
        categories.describe_category(**{"code": "t", "name": "T", "now": now, **wrong})


def test_two_who_make_a_category_at_once_make_one(committed_db, now):
    answers = at_once(
        4,
        lambda n: categories.describe_category(code="teacher", name=f"{n}", now=now),
    )

    assert [each for each in answers if isinstance(each, Exception)] == []
    assert Category.objects.count() == 1
