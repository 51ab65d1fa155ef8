"""What one asks of the past is what a replay to that point says, wherever one asks."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import timedelta
from operator import attrgetter

import pytest
from django.db.models import Q

from library.accounts import fees
from library.accounts.models import Fee
from library.catalog import books
from library.catalog.models import Copy
from library.lending import conditions, holds, loans
from library.lending.models import Hold, Loan
from library.policies import policies
from library.refusals import Refusal
from outbox import sequencer
from outbox.folds import domain_folds
from projections import feed, reading, registry
from projections.questions import past
from projections.replay import Replay

STEPS, POINTS = 120, 40


@pytest.fixture
def some_weeks(db, a_book, a_copy, a_member, now):
    """Let a small library lend, hold, charge and correct, drawn by lot."""
    policies.set_policy(
        name="tight", now=now, loan_days=2, fee_per_day=10, pickup_days=3
    )
    titles = [a_book(title=f"Book {number}") for number in range(3)]
    stock = [a_copy(chance) for chance in (*titles, titles[0])]
    members = [a_member() for _ in range(4)]
    chance = random.Random(7)
    for step in range(STEPS):
        moment = now + timedelta(hours=7 * step)
        with suppress(Refusal):
            _something(chance, titles, stock, members, moment)
        sequencer.sequence_all()
    feed.catch_up_all()
    return titles, members


def _something(chance, titles, stock, members, now):
    copy_id, book_id, member_id = map(chance.choice, (stock, titles, members))
    kind = chance.choice(["borrow", "return", "hold", "hold", "cancel", "pay", "say"])
    if kind == "borrow":
        loans.borrow_copy(copy_id=copy_id, member_id=member_id, now=now)
    elif kind == "return":
        loans.return_copy(copy_id=copy_id, now=now)
    elif kind == "hold":
        holds.place_hold(book_id=book_id, member_id=member_id, now=now)
    elif kind == "cancel" and (mine := Hold.objects.open().order_by("number").first()):
        holds.cancel_hold(hold_id=mine.id, now=now)
    elif kind == "pay" and len(owed := Fee.objects.open()) > 1:
        fees.settle_fee(fee_id=owed[0].id, how="paid", now=now)
    elif kind == "say":
        title = f"Title {now:%d %H}"
        books.correct_book(book_id=book_id, title=title, authors=("Kim",), now=now)


def points():
    return random.Random(8).sample(range(reading.last_position() + 1), POINTS)


def replayed(upto):
    """Return every table of the domain as a replay to a position makes it."""
    return {fold.name: Replay(fold).upto(upto).table for fold in domain_folds()}


def ids(rows):
    return [row.id for row in rows]


def test_enough_has_happened(some_weeks):
    assert Loan.objects.filter(returned_at__isnull=False).count() > 5
    assert Hold.objects.filter(~Q(outcome="")).count() > 5
    assert Hold.objects.ready().exists()
    assert Fee.objects.filter(settled_at__isnull=False).exists()
    assert Fee.objects.open().exists()


def test_a_book_with_its_copies_at_any_point_is_what_a_replay_makes(some_weeks):
    titles, _ = some_weeks

    for upto in points():
        tables = replayed(upto)
        for book_id in titles:
            then, row = past.book(book_id, upto=upto), tables["catalog_book"]
            if book_id not in row:
                assert then is None
                continue
            copies = tables["catalog_copy"].values()
            out = {
                loan.copy_id: loan.id
                for loan in tables["lending_loan"].values()
                if loan.returned_at is None
            }
            wishes = [
                hold
                for hold in tables["lending_hold"].values()
                if hold.closed_at is None and hold.book_id == book_id
            ]
            kept = {hold.copy_id: hold.id for hold in wishes}
            queue = sorted(
                (hold for hold in wishes if not hold.copy_id), key=attrgetter("number")
            )

            assert then.title == row[book_id].title
            assert [
                (each.id, each.loan and each.loan.id, each.hold and each.hold.id)
                for each in then.stock
            ] == [
                (each.id, out.get(each.id), kept.get(each.id))
                for each in sorted(copies, key=attrgetter("id"))
                if each.book_id == book_id
            ]
            assert [(each.id, each.position) for each in then.waiting] == [
                (hold.id, place) for place, hold in enumerate(queue, start=1)
            ]


def test_an_account_at_any_point_is_what_a_replay_makes(some_weeks):
    _, members = some_weeks

    for upto in points():
        tables = replayed(upto)
        for member_id in members:
            then = past.account(member_id, upto=upto)
            if member_id not in tables["members_member"]:
                assert then is None
                continue
            mine = {
                name: [row for row in table.values() if row.member_id == member_id]
                for name, table in tables.items()
                if name in {"lending_loan", "lending_hold", "accounts_fee"}
            }
            owed = [fee for fee in mine["accounts_fee"] if fee.settled_at is None]

            assert {loan.loan_id for loan in then.loans} == {
                loan.id for loan in mine["lending_loan"] if loan.returned_at is None
            }
            assert set(ids(then.holds)) == {
                hold.id for hold in mine["lending_hold"] if hold.closed_at is None
            }
            assert set(ids(then.fees)) == set(ids(owed))
            assert then.balance == sum(fee.amount for fee in owed)


def test_what_was_so_at_the_end_is_what_is_so_now(some_weeks):
    titles, members = some_weeks
    end = reading.last_position()

    for upto in (end, None):
        for book_id in titles:
            today = Hold.objects.filter(book=book_id).with_positions()
            then = past.holds([book_id], upto=upto)
            assert [(hold.id, hold.status, hold.position) for hold in then] == [
                (hold.id, hold.status, hold.position)
                for hold in today.order_by("number")
            ]
            stock = past.book(book_id, upto=upto).stock
            assert ids(stock) == ids(Copy.objects.filter(book=book_id).order_by("id"))
        for member_id in members:
            balance = Fee.objects.filter(member=member_id).balance()
            assert past.account(member_id, upto=upto).balance == balance


BESIDES = {
    # Looked for by the loan, since it must hold for every earlier moment.
    ("shelves", "member_id"): {"loan.forgotten"},
}


@pytest.mark.parametrize(
    ("table", "owner"),
    [
        ("shelves", "member_id"),
        ("accounts_fee", "member_id"),
        ("lending_hold", "member_id"),
        ("lending_hold", "book_id"),
        ("lending_loan", "book_id"),
        ("catalog_copy", "book_id"),
    ],
)
def test_what_is_folded_for_one_owner_is_all_about_that_owner(table, owner):
    steps = registry.every_fold()[table].steps

    others = {each.type for each in steps if owner not in each.about}

    assert others == BESIDES.get((table, owner), set())


def test_an_account_knows_that_a_copy_is_no_longer_set_aside(
    db, a_book, a_copy, a_member, a_hold, now
):
    book_id, member_id = a_book(), a_member()
    copy_id = a_copy(book_id)
    hold = a_hold(book_id, member_id)
    conditions.mark_copy(copy_id=copy_id, condition="missing", now=now)

    (wanted,) = past.account(member_id, upto=None).holds

    assert (wanted.id, wanted.copy_id, wanted.position) == (hold.hold_id, None, 1)
