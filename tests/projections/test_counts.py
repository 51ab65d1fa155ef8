from __future__ import annotations

from datetime import timedelta

import pytest

from library.accounts import fees
from library.accounts.models import Fee
from library.catalog import copies
from library.lending import conditions, holds, loans, start_of_day
from library.members import preferences
from library.policies import policies
from outbox import sequencer
from projections import feed
from projections.models import Activity, Availability, Profile, Stock, TitleLent
from projections.questions.stock import by_branch
from projections.registry import read_models
from projections.verify import differences

DAY = timedelta(days=1)


def read_on():
    sequencer.sequence_all()
    feed.catch_up_all()


def profile(member_id):
    read_on()
    return Profile.objects.get(member_id=member_id)


def test_a_member_is_counted_from_the_first_day(db, a_member):
    mine = profile(a_member(category="student"))

    assert (mine.category, mine.books_borrowed, mine.balance) == ("student", 0, 0)


def test_a_change_of_category_is_seen(db, a_member, now):
    member_id = a_member()
    preferences.change_preferences(member_id=member_id, category="researcher", now=now)

    assert profile(member_id).category == "researcher"


def test_what_was_brought_back_stays_counted_as_borrowed(db, a_member, a_loan, now):
    member_id = a_member()
    a_loan(member_id=member_id)
    loans.return_copy(copy_id=a_loan(member_id=member_id).copy_id, now=now)

    mine = profile(member_id)

    assert (mine.books_borrowed, mine.open_loans) == (2, 1)


def test_a_hold_is_open_until_it_is_cancelled_expires_or_is_fulfilled(
    db, a_member, a_copy, a_book, a_hold, a_loan, now
):
    member_id = a_member()
    cancelled, fulfilled, expired = (a_book() for _ in range(3))
    a_loan(a_copy(cancelled))
    a_copy(expired)
    copy_id = a_copy(fulfilled)
    for book_id in (fulfilled, expired):
        a_hold(book_id, member_id)
    hold = a_hold(cancelled, member_id)

    placed = profile(member_id).open_holds
    holds.cancel_hold(hold_id=hold.hold_id, now=now)
    without = profile(member_id).open_holds
    loans.borrow_copy(copy_id=copy_id, member_id=member_id, now=now)
    read = profile(member_id).open_holds
    start_of_day.run(now=now + 30 * DAY)

    assert (placed, without, read, profile(member_id).open_holds) == (3, 2, 1, 0)


@pytest.mark.parametrize("ends", ["returned", "renewed"])
def test_a_late_loan_is_overdue_until_it_comes_back_or_goes_on(
    db, a_member, a_loan, ends
):
    member_id = a_member()
    loan = a_loan(member_id=member_id)
    late = loan.due_at + DAY
    start_of_day.run(now=late)

    marked = profile(member_id).overdue
    if ends == "returned":
        loans.return_copy(copy_id=loan.copy_id, now=late)
    else:
        loans.renew_loan(loan_id=loan.loan_id, now=late)

    assert (marked, profile(member_id).overdue) == ([loan.loan_id], [])


def test_the_balance_is_what_was_charged_less_what_was_settled(
    db, a_member, a_loan, now
):
    policies.set_policy(name="fees", now=now, fee_per_day=100)
    member_id = a_member()
    loan = a_loan(member_id=member_id)
    loans.return_copy(copy_id=loan.copy_id, now=loan.due_at + DAY)

    owed = profile(member_id).balance
    fees.settle_fee(fee_id=Fee.objects.get().id, how="waived", now=now)

    assert (owed, profile(member_id).balance) == (100, 0)


def test_loans_are_counted_by_day_branch_and_category(
    db, a_member, a_copy, a_branch, a_loan, now
):
    branch_id, student = a_branch(), a_member(category="student")
    for copy_id in (a_copy(branch_id=branch_id), a_copy(branch_id=branch_id)):
        a_loan(copy_id, student)
    a_loan(a_copy(branch_id=branch_id))
    a_loan(now=now + DAY)
    read_on()

    counted = Activity.objects.between(None, None)

    assert [
        (each.day, each.branch_id, each.category, each.loans) for each in counted
    ] == [
        ((now + DAY).date(), None, "reader", 1),
        (now.date(), branch_id, "reader", 1),
        (now.date(), branch_id, "student", 2),
    ]


def test_books_are_counted_by_month(db, a_copy, a_loan, a_book, now):
    often, once = a_book(), a_book()
    for moment in (now, now, now + 31 * DAY):
        a_loan(a_copy(often), now=moment)
    a_loan(a_copy(once), now=now)
    read_on()

    march = now.date()
    every = TitleLent.objects.most(None, None)
    alone = TitleLent.objects.most(march, march)
    april = TitleLent.objects.most((now + 31 * DAY).date(), None)

    assert [tuple(row.values()) for row in every] == [(often, 3), (once, 1)]
    assert [tuple(row.values()) for row in alone] == [(often, 2), (once, 1)]
    assert [tuple(row.values()) for row in april] == [(often, 1)]


def test_copies_are_counted_where_they_are(
    db, a_book, a_copy, a_branch, a_member, a_loan, a_hold, now
):
    book_id, here, there = a_book(), a_branch(), a_branch()
    a_copy(book_id)
    a_copy(book_id, branch_id=here)
    a_loan(a_copy(book_id, branch_id=there))
    kept = a_copy(book_id, branch_id=there)
    holder = a_member()
    a_hold(book_id, holder)
    read_on()

    rows = {
        each["branch_id"]: each
        for each in by_branch(Stock.objects.filter(book_id=book_id))
    }
    total = Availability.objects.get(book_id=book_id)

    assert set(rows) == {None, here, there}
    assert [rows[there][name] for name in ("copies", "on_loan")] == [2, 1]
    assert sum(each["set_aside"] for each in rows.values()) == total.set_aside == 1
    assert sum(each["available"] for each in rows.values()) == total.available == 2
    assert kept  # a copy is set aside: which, the queue decides


def test_a_copy_that_is_missing_is_nowhere_until_it_is_found(
    db, a_book, a_copy, a_branch, now
):
    copy_id, branch_id = a_copy(), a_branch()
    copies.move_copy(copy_id=copy_id, branch_id=branch_id, now=now)
    conditions.mark_copy(copy_id=copy_id, condition="missing", now=now)
    read_on()
    (missing,) = by_branch(Stock.objects.all())
    conditions.mark_copy(copy_id=copy_id, condition="", now=now)
    read_on()
    (found,) = by_branch(Stock.objects.all())

    assert missing["branch_id"] == branch_id
    assert (missing["marked"], missing["available"]) == (1, 0)
    assert (found["marked"], found["available"]) == (0, 1)


def test_a_copy_that_was_set_aside_is_free_when_its_member_takes_another(
    db, a_book, a_copy, a_member, a_hold, now
):
    book_id, holder = a_book(), a_member()
    kept = a_copy(book_id)
    a_hold(book_id, holder)
    other = a_copy(book_id)
    loans.borrow_copy(copy_id=other, member_id=holder, now=now)
    read_on()

    places = dict(Stock.objects.values_list("copy_id", "place"))

    assert places == {kept: "shelf", other: "loan"}
    assert not differences(*read_models().values())
