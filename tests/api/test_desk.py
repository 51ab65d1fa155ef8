"""What was scanned, and what can be done with it."""

from __future__ import annotations

import pytest

from library.lending import loans
from library.members import membership
from outbox.models import Event
from tests.api.problems import problem

SCANS = "/api/v1/scans/"


@pytest.fixture
def scan(librarian):
    return lambda code: librarian.post(SCANS, {"code": code})


@pytest.fixture
def a_card(a_member):
    """Register a member with a card, and return their id and its barcode."""

    def make(card="CARD-7"):
        return a_member(card_barcode=card), card

    return make


def test_a_copy_on_loan_can_be_returned_or_renewed(scan, a_copy, a_loan):
    loan = a_loan(copy_id=a_copy(barcode="KT-1"))

    shown = scan(" kt-1 ").json()

    assert shown["member"] is None
    assert shown["copy"]["copy"]["id"] == str(loan.copy_id)
    assert shown["copy"]["title"] == "Oʻtkan kunlar"
    assert shown["copy"]["loan"]["id"] == str(loan.loan_id)
    assert shown["copy"]["can"] == ["return", "renew"]


def test_a_free_copy_can_be_lent_and_one_that_is_kept_to_its_member(
    scan, a_book, a_copy, a_hold
):
    a_copy(barcode="KT-1")
    book_id = a_book()
    a_copy(book_id=book_id, barcode="KT-2")
    hold = a_hold(book_id)

    free, kept = (scan(code).json()["copy"] for code in ("KT-1", "KT-2"))

    assert (free["can"], free["lend_to"], free["hold"]) == (["lend"], None, None)
    assert (free["status"], kept["status"]) == ("on_shelf", "ready")
    assert (kept["can"], kept["lend_to"]) == (["lend"], str(hold.member_id))
    assert kept["hold"]["id"] == str(hold.hold_id)


def test_a_copy_that_belongs_elsewhere_says_where(scan, a_branch, a_copy, a_loan, now):
    here, home = a_branch(), a_branch()
    loan = a_loan(copy_id=a_copy(barcode="KT-1", branch_id=home))
    loans.return_copy(copy_id=loan.copy_id, at=here, now=now)

    shown = scan("KT-1").json()["copy"]

    assert (shown["status"], shown["branch_id"]) == ("in_transit", str(home))


def test_a_card_says_who_it_is_and_whether_anything_is_lent(scan, a_card, a_loan, now):
    member_id, card = a_card()

    shown = scan(card).json()

    assert shown["copy"] is None
    assert shown["member"]["member"]["id"] == str(member_id)
    assert shown["member"]["can"] == ["lend"]
    a_loan(member_id=member_id)
    membership.block_member(member_id=member_id, reason="conduct", now=now)
    assert scan(card).json()["member"]["can"] == ["renew_all"]


def test_two_labels_that_say_the_same_are_both_shown(scan, a_card, a_copy):
    _, card = a_card()
    a_copy(barcode=card)

    assert None not in scan(card).json().values()


def test_nothing_known_is_a_clear_answer_that_does_not_repeat_the_code(scan):
    answer = scan("CARD-404")

    problem(answer, 404, "unknown_code")
    assert "CARD-404" not in answer.content.decode()


def test_looking_changes_nothing_and_notes_no_card(scan, a_card, a_copy, caplog):
    _, card = a_card()
    a_copy(barcode="KT-1")
    before = Event.objects.count()

    scan(card), scan("KT-1"), scan("CARD-404")

    assert Event.objects.count() == before
    assert card not in caplog.text
    told = Event.objects.filter(data__icontains=card)
    assert not told.exists()


@pytest.mark.parametrize("given", [{}, {"code": ""}, {"code": "x" * 65}, {"card": "1"}])
def test_what_is_no_code_is_refused(librarian, given):
    problem(librarian.post(SCANS, given), 400, "validation_error")


def test_readers_do_not_scan_cards(reader):
    problem(reader.post(SCANS, {"code": "CARD-7"}), 403, "permission_denied")
