"""Several at once, in a librarian's words."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from library.lending import baskets, holds, loans, renewals
from library.lending.desk_refusals import BasketRefused
from library.lending.models import Hold, Loan
from library.members.refusals import UnknownMember
from library.policies import policies
from outbox.models import Event
from tests.threads import at_once


def codes(answers):
    """Return the codes of the reasons against each; none: it was done."""
    return [[why.code for why in getattr(each, "reasons", ())] for each in answers]


def test_the_limit_counts_what_was_lent_before_in_the_same_basket(
    db, a_copy, a_member, now, settings
):
    settings.LENDING = {**settings.LENDING, "LOAN_LIMIT": 2}
    copies = [a_copy() for _ in range(3)]

    answers = baskets.lend_basket(copies=copies, member_id=a_member(), now=now)

    assert codes(answers) == [[], [], ["loan_limit"]]
    assert Loan.objects.open().count() == 2


def test_every_reason_against_a_copy_is_told(db, a_loan, a_member, now):
    taken = a_loan()
    policies.set_policy(name="none", loan_days=0, loan_limit=0, now=now)

    answers = baskets.lend_basket(copies=[taken.copy_id], member_id=a_member(), now=now)

    assert codes(answers) == [["not_for_loan", "copy_on_loan", "loan_limit"]]


def test_a_copy_is_named_by_its_id_or_its_barcode(db, a_copy, a_member, now):
    by_id = a_copy()
    a_copy(barcode="KT-1")

    answers = baskets.lend_basket(
        copies=[by_id, " kt-1 ", "KT-2", uuid4()], member_id=a_member(), now=now
    )

    assert codes(answers) == [[], [], ["unknown_barcode"], ["unknown_copy"]]


def test_an_unknown_barcode_is_not_repeated_for_it_may_be_a_card(db, a_member, now):
    (answer,) = baskets.lend_basket(copies=["CARD-7"], member_id=a_member(), now=now)

    assert "CARD-7" not in f"{answer} {answer.facts}"


def test_a_copy_that_lies_there_twice_is_lent_once(db, a_copy, a_member, now):
    copy_id = a_copy(barcode="KT-1")

    answers = baskets.lend_basket(
        copies=[copy_id, "KT-1"], member_id=a_member(), now=now
    )

    assert codes(answers) == [[], ["already_on_loan_to_member"]]


def test_what_is_lent_together_is_known_as_a_basket(db, a_copy, a_member, now):
    member_id = a_member()
    first, second = baskets.lend_basket(
        copies=[a_copy(), a_copy()], member_id=member_id, now=now
    )
    (other,) = baskets.lend_basket(copies=[a_copy()], member_id=member_id, now=now)

    assert first.basket_id == second.basket_id != other.basket_id


def test_all_or_nothing_tells_every_reason_and_records_nothing(
    db, a_copy, a_loan, a_member, now
):
    taken, member_id = a_loan(), a_member()
    before = Event.objects.count()

    with pytest.raises(BasketRefused) as refusal:
        baskets.lend_basket(
            copies=["nobody's", taken.copy_id],
            member_id=member_id,
            now=now,
            all_or_nothing=True,
        )

    assert [each.code for each in refusal.value.reasons] == [
        "basket_refused",
        "unknown_barcode",
        "copy_on_loan",
    ]
    assert Event.objects.count() == before


def test_a_hold_ends_with_its_book_and_the_copy_kept_for_it_goes_on(
    db, a_book, a_copy, a_loan, a_hold, a_member, now
):
    book_id, member_id = a_book(), a_member()
    kept, other = a_copy(book_id=book_id), a_loan(copy_id=a_copy(book_id=book_id))
    mine = a_hold(book_id, member_id=member_id)
    loans.return_copy(copy_id=other.copy_id, now=now)
    nexts = a_hold(book_id, now=now)
    holds.cancel_hold(hold_id=nexts.hold_id, now=now)

    baskets.lend_basket(copies=[other.copy_id], member_id=member_id, now=now)

    assert Hold.objects.get(id=mine.hold_id).status == "fulfilled"
    assert a_loan(copy_id=kept)


def test_nobody_unknown_is_lent_a_basket(db, a_copy, now):
    with pytest.raises(UnknownMember):
        baskets.lend_basket(copies=[a_copy()], member_id=uuid4(), now=now)


def test_two_baskets_with_the_same_copies_never_deadlock(
    committed_db, a_copy, a_member, now
):
    copies = [a_copy() for _ in range(6)]
    members = [a_member() for _ in range(8)]

    def lend(number):
        mine = copies if number % 2 else copies[::-1]
        return baskets.lend_basket(copies=mine, member_id=members[number], now=now)

    answers = at_once(8, lend)

    assert [each for each in answers if isinstance(each, Exception)] == []
    lent = [sum(not why for why in codes(each)) for each in answers]
    assert sorted(lent) == [0, 0, 0, 0, 0, 0, 1, 5]  # 5 is the limit


# --- Renewing all --------------------------------------------------------------


def test_all_loans_that_may_be_renewed_are_and_the_others_say_why(
    db, a_loan, a_hold, a_member, now
):
    member_id = a_member()
    wanted, free = (a_loan(member_id=member_id) for _ in range(2))
    a_hold(wanted.book_id)
    a_loan()  # somebody else's

    answers = renewals.renew_all(member_id=member_id, now=now + timedelta(days=1))

    assert list(answers) == sorted([wanted.loan_id, free.loan_id])
    assert [why.code for why in answers[wanted.loan_id].reasons] == [
        "on_hold_for_other"
    ]
    assert answers[free.loan_id].due_at > free.due_at
    assert Event.objects.filter(type="book.renewed").count() == 1


def test_who_has_nothing_renews_nothing(db, a_member, now):
    assert renewals.renew_all(member_id=a_member(), now=now) == {}
    with pytest.raises(UnknownMember):
        renewals.renew_all(member_id=uuid4(), now=now)


def test_baskets_and_renewals_of_the_same_books_never_deadlock(
    committed_db, a_book, a_copy, a_member, now
):
    books = [a_book() for _ in range(4)]
    copies = [a_copy(book_id=book_id) for book_id in books for _ in range(2)]
    members = [a_member() for _ in range(6)]
    baskets.lend_basket(copies=copies[::-2], member_id=members[0], now=now)

    def work(number):
        if number % 2:
            return renewals.renew_all(member_id=members[0], now=now)
        return baskets.lend_basket(
            copies=copies[::-1], member_id=members[number], now=now
        )

    answers = at_once(6, work)

    assert [each for each in answers if isinstance(each, Exception)] == []
    assert Loan.objects.open().count() == len(copies)
