"""Several loans at one desk visit: one receipt letter."""

from __future__ import annotations

from library.lending import baskets, loans


def test_a_basket_has_one_receipt_that_names_every_book(
    db, a_book, a_copy, a_member, written, now
):
    titles = ["Oʻtkan kunlar", "Mehrobdan chayon", "Kecha va kunduz"]
    copies = [a_copy(book_id=a_book(title=each)) for each in titles]

    baskets.lend_basket(copies=copies, member_id=a_member(), now=now)
    (receipt,) = written("loan_receipt")

    assert receipt.subject == "You borrowed 3 books"
    assert [title in receipt.body for title in titles] == [True] * 3
    assert receipt.body.count("30 March 2026") == 3


def test_what_was_refused_is_not_on_it_and_one_book_is_named_alone(
    db, a_copy, a_loan, a_member, written, now
):
    taken = a_loan()
    loans.return_copy(copy_id=taken.copy_id, now=now)  # its receipt is another visit's
    refused = a_loan().copy_id

    baskets.lend_basket(copies=[refused, a_copy()], member_id=a_member(), now=now)

    subjects = [letter.subject for letter in written("loan_receipt")]
    assert subjects == ["You borrowed “Oʻtkan kunlar”"] * 3


def test_two_visits_have_two_receipts(db, a_copy, a_member, written, now):
    member_id = a_member()
    for _ in range(2):
        copies = [a_copy(), a_copy()]
        baskets.lend_basket(copies=copies, member_id=member_id, now=now)

    subjects = [letter.subject for letter in written("loan_receipt")]

    assert subjects == ["You borrowed 2 books"] * 2
