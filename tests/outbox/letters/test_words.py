"""What a letter says: each in both languages, as text and as HTML."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from library.lending import loans
from library.lending.letters import loan_receipt
from outbox import log
from outbox.channels import letters
from outbox.channels.messages import Address, BadHeader, compose


@pytest.fixture
def composed(a_loan, a_book, a_copy, owed, now):
    """Lend and take back a book; return each letter, written for this address."""

    def make(title="Oʻtkan kunlar", **address):
        loan = a_loan(copy_id=a_copy(book_id=a_book(title=title)))
        loans.renew_loan(loan_id=loan.loan_id, now=now)
        loans.return_copy(copy_id=loan.copy_id, now=now + timedelta(days=1))
        given = {"email": "a@example.org", "name": "Aziza", "language": "en"} | address
        return {
            each.destination: compose(
                letters.named(each.destination),
                letters.named(each.destination).context(log.by_ids([each.event_id])[0]),
                Address(recipient=each.recipient, **given),
                message_id=each.message_id,
            )
            for each in owed()
        }

    return make


receipt = dataclasses.replace(loan_receipt, mandatory=True)  # no link, no database


def html_of(message):
    """Return the HTML alternative."""
    return message.alternatives[0].content


def test_a_receipt_in_english(composed):
    message = composed(language="en")["loan_receipt"]

    assert message.subject == "You borrowed “Oʻtkan kunlar”"
    assert message.body.startswith(
        "Hello Aziza,\n\n"
        "you borrowed “Oʻtkan kunlar”. Please return it by 30 March 2026.\n\n"
        "Enjoy reading!\n"
    )
    assert "<strong>30 March 2026</strong>" in html_of(message)


def test_a_receipt_in_uzbek(composed):
    message = composed(language="uz")["loan_receipt"]

    assert message.subject == "Siz “Oʻtkan kunlar” kitobini oldingiz"
    assert message.body.startswith(
        "Assalomu alaykum, Aziza!\n\n"
        "Siz “Oʻtkan kunlar” kitobini oldingiz. "
        "Iltimos, uni 30-mart, 2026-yilgacha qaytaring.\n\n"
        "Mutolaangiz maroqli oʻtsin!\n"
    )


def test_the_return_is_dated_when_the_copy_came_back(composed):
    message = composed(language="uz")["return_receipt"]

    assert "3-mart, 2026-yil kuni qaytarildi" in message.body


@pytest.mark.parametrize("title", ["<b>Bold</b> & “brave”", "1 < 2 > 0", "</title><p>"])
def test_a_title_is_text_and_never_markup(composed, title):
    message = composed(title=title)["loan_receipt"]

    assert title in message.body
    assert message.subject == f"You borrowed “{title}”"
    assert "<b>" not in html_of(message)
    assert html_of(message).count("<p>") == 3


def test_a_title_of_two_lines_makes_one_subject(composed):
    message = composed(title="Oʻtkan\r\nBcc: all@example.org")["loan_receipt"]

    assert message.subject == "You borrowed “Oʻtkan Bcc: all@example.org”"


@pytest.mark.parametrize("wrong", ["\x1b[2J", "\x00", "\x7f"])
def test_a_subject_with_a_control_character_makes_no_letter(wrong):
    address = Address(recipient="", email="a@b.org", name="Aziza", language="en")
    about = {**receipt.sample, "title": f"Oʻtkan{wrong}kunlar"}

    with pytest.raises(BadHeader):
        compose(receipt, about, address, message_id="<1@b.org>")


def test_a_letter_says_that_a_machine_wrote_it(composed):
    message = composed()["loan_receipt"].message()

    assert message["Auto-Submitted"] == "auto-generated"
