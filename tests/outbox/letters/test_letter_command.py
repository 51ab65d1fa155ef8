"""Looking at a letter before anybody gets it."""

from __future__ import annotations

import io
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from outbox.channels.letters import letters
from outbox.models import Delivery, Event


def run(*arguments):
    """Return what the command says."""
    out = io.StringIO()
    call_command("letter", *arguments, stdout=out)
    return out.getvalue()


def test_without_a_name_every_letter_is_listed():
    lines = run().splitlines()

    assert [line.partition(":")[0] for line in lines] == sorted(
        letter.name for letter in letters()
    )
    assert "welcome: user.registered (mandatory)" in lines


def test_a_letter_is_shown_with_sample_data_without_any_database():
    text = run("loan_receipt", "--language", "uz")

    assert text.startswith("Subject: Siz “Oʻtkan kunlar” kitobini oldingiz\n\n")
    assert "Aziza Karimova" in text


def test_the_html_is_what_a_file_of_it_would_hold():
    assert run("loan_receipt", "--html").startswith("<!doctype html>")


def test_a_letter_is_shown_about_a_real_event_to_a_real_member(
    db, a_loan, a_member, a_copy, a_book
):
    member_id = a_member(username="olim", language="uz")
    a_loan(
        copy_id=a_copy(book_id=a_book(title="Mehrobdan chayon")), member_id=member_id
    )
    event = Event.objects.get(type="book.borrowed")

    text = run("loan_receipt", "--event", str(event.id), "--to", str(member_id))

    assert "Mehrobdan chayon" in text
    assert "olim" in text
    assert "Assalomu alaykum" in text
    assert not Delivery.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["no_such"], "There are: "),
        (["welcome", "--event", "x"], "Copy all of it"),
        (["welcome", "--event", str(uuid4())], "leave out --event"),
        (["welcome", "--to", str(uuid4())], "nobody"),
    ],
)
def test_what_cannot_be_shown_is_said(db, arguments, hint):
    with pytest.raises(CommandError, match=hint):
        run(*arguments)
