"""
Every letter as it leaves, in both languages and both forms, for a person to read.

After a change of words: `UPDATE_SNAPSHOTS=1 pytest tests/outbox/letters`, then read
what has become of the files in `snapshots/`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.conf import settings as configured
from django.template.loader import get_template

from outbox import codec, log
from outbox.channels.letters import letters
from outbox.channels.messages import Address, compose

SNAPSHOTS = Path(__file__).parent / "snapshots"
UPDATE = os.environ.get("UPDATE_SNAPSHOTS") == "1"
LANGUAGES = [code for code, _ in configured.LANGUAGES]
ALL = [
    pytest.param(letter, language, id=f"{letter.name}.{language}")
    for letter in letters()
    for language in LANGUAGES
]


def link(recipient, kind):
    """Return a link that is always the same."""
    return f"https://library.example/letters/unsubscribe/{kind}"


@pytest.fixture
def shown(settings):
    """Write a letter with its sample data."""
    settings.OUTBOX = {**settings.OUTBOX, "UNSUBSCRIBE": f"{__name__}.link"}

    def write(letter, language):
        address = Address(
            recipient="r", email="a@library.example", name="Aziza", language=language
        )
        return compose(letter, letter.sample, address, message_id="<1@library.example>")

    return write


def check(name, text):
    """Compare with what was kept, or keep it."""
    kept = SNAPSHOTS / name
    if UPDATE:
        kept.write_text(text)
    assert text == kept.read_text()


@pytest.mark.parametrize(("letter", "language"), ALL)
def test_a_letter_says_what_it_said(shown, letter, language):
    message = shown(letter, language)

    [(source, kind)] = message.alternatives
    assert kind == "text/html"
    check(f"{letter.name}.{language}.txt", f"{message.subject}\n\n{message.body}")
    check(f"{letter.name}.{language}.html", source)


@pytest.mark.parametrize(("letter", "language"), ALL)
def test_a_letter_has_no_gaps_and_both_forms_say_the_same(shown, letter, language):
    message = shown(letter, language)

    [(source, _)] = message.alternatives
    assert f'<html lang="{language}">' in source
    assert "Aziza" in message.body
    assert message.subject
    for hole in ("“”", "{{", "{%", "None", "<strong></strong>", " ."):
        assert hole not in message.body + message.subject


@pytest.mark.parametrize("letter", letters(), ids=lambda each: each.name)
def test_the_two_languages_are_not_the_same_words(shown, letter):
    bodies = {shown(letter, language).body for language in LANGUAGES}

    assert len(bodies) == len(LANGUAGES)
    assert get_template(f"{letter.template}.en.html")


def test_no_snapshot_is_left_of_a_letter_that_is_gone():
    wanted = {
        f"{letter.name}.{language}.{form}"
        for letter in letters()
        for language in LANGUAGES
        for form in ("txt", "html")
    }

    assert {path.name for path in SNAPSHOTS.iterdir()} == wanted


def test_a_real_letter_is_told_what_its_sample_shows(db, a_loan, owed):
    a_loan()

    for each in owed():
        letter = next(one for one in letters() if one.name == each.destination)
        [event] = log.by_ids([each.event_id])
        assert type(event) is codec.event_types()[letter.event.type]
        assert set(letter.context(event)) == set(letter.sample)
