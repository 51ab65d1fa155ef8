"""`manage.py letter`: which letters there are, and what one of them looks like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from outbox import log
from outbox.channels import emails, letters
from outbox.channels.letters import Letter
from outbox.channels.messages import Address, BadHeader, compose
from outbox.models import Event

NOBODY = str(UUID(int=0))
SAMPLE_EMAIL = "reader@library.example"


class Command(BaseCommand):
    """Show a letter as it would leave, and send nothing."""

    help = "List the letters, or show one with sample data or about a real event."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the letter's name, what it is about, and in which form."""
        languages = [code for code, _ in settings.LANGUAGES]
        parser.add_argument("name", nargs="?", help="the letter; none: list them")
        parser.add_argument("--language", choices=languages, help="default: theirs")
        parser.add_argument(
            "--html", action="store_true", help="the HTML, and not the text"
        )
        parser.add_argument("--event", help="the id of an event it is about")
        parser.add_argument("--to", help="the id of a member, instead of a sample's")

    def handle(self, *args: Any, **options: Any) -> None:
        """List or show."""
        if options["name"] is None:
            for letter in sorted(letters.letters(), key=lambda each: each.name):
                self.stdout.write(_line(letter))
            return
        letter = _letter(options["name"])
        context = _context(letter, options["event"])
        address = _address(options["to"], options["language"])
        try:
            message = compose(letter, context, address, message_id="<preview>")
        except BadHeader:
            raise CommandError(
                "The name, the address or the title has a control character, or the "
                "address is none: the letter would not be sent. Correct it."
            ) from None
        if options["html"]:
            [(source, _)] = message.alternatives
            self.stdout.write(str(source))
        else:
            self.stdout.write(f"Subject: {message.subject}\n\n{message.body}")


def _line(letter: Letter) -> str:
    traits = {
        f"kind {letter.kind}": not letter.mandatory,
        "mandatory": letter.mandatory,
        "digest": letter.digest,
        "expires": letter.until is not None,
        "at most once": letter.at_most_once,
    }
    told = ", ".join(trait for trait, has in traits.items() if has)
    return f"{letter.name}: {letter.event.type} ({told})"


def _letter(name: str) -> Letter:
    letter = letters.named(name)
    if letter is None:
        known = ", ".join(sorted(each.name for each in letters.letters()))
        raise CommandError(f"No letter is named {name!r}. There are: {known}.")
    return letter


def _context(letter: Letter, event_id: str | None) -> Mapping[str, Any]:
    if event_id is None:
        return letter.sample
    row = Event.objects.filter(id=_uuid(event_id)).first()
    if row is None or row.type != letter.event.type:
        raise CommandError(
            f"{event_id} is no {letter.event.type}. The letter is about nothing else: "
            "leave out --event to see it with sample data."
        )
    return letter.context(log.decoded(row))


def _address(member_id: str | None, language: str | None) -> Address:
    if member_id is None:
        return Address(
            recipient=NOBODY,
            email=SAMPLE_EMAIL,
            name="Aziza Karimova",
            language=language or settings.LANGUAGE_CODE,
        )
    recipient = str(_uuid(member_id))
    address = emails.addresses_of([recipient]).get(recipient)
    if address is None:
        raise CommandError(f"There is nobody with the id {member_id} to write to.")
    return replace(
        address,
        email=address.email or SAMPLE_EMAIL,
        language=language or address.language,
    )


def _uuid(given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError:
        raise CommandError(f"{given!r} is no id. Copy all of it.") from None
