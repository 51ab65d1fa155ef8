"""
E-mails: one letter to one person, over SMTP.

Who somebody is and where their letters go is asked at the last moment, for a batch of
letters that leave one after another. None of it is kept: neither the delivery nor an
attempt holds an address or a name, not even where the server's answer does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.smtp import EmailBackend
from django.db import InterfaceError, OperationalError
from django.utils import timezone
from django.utils.module_loading import import_string

from outbox import claims, log, schedule
from outbox.channels import answers, letters, smtp
from outbox.channels.contract import DELIVERED, FRESH, Outcome, RouteTo
from outbox.channels.letters import Letter
from outbox.channels.messages import Address, compose
from outbox.codec import DomainEvent
from outbox.errors import Fenced
from outbox.models import Delivery

NAME = "emails"
DEADLINE = schedule.deadline(20.0)
RETRIES = schedule.LETTERS
IN_TRANSACTION = False
BATCH = 20
PER_DESTINATION = 60
WORKERS = 3
GUARDED = False

# Nothing to raise an alarm about: nobody is there who could get the letter, or who
# would miss it.
NO_ADDRESS = Outcome(delivered=True, name="no_address")
BOUNCED_BEFORE = Outcome(delivered=True, name="bounced_before")
NOT_WANTED = Outcome(delivered=True, name="not_wanted")
EXPIRED = Outcome(delivered=True, name="expired")
NO_LONGER_SO = Outcome(delivered=True, name="no_longer_so")


def routes() -> tuple[RouteTo, ...]:
    """Return none: deliveries come from letters that are expanded."""
    return ()


class Addresses:
    """Where the letters of a batch go; asked again once that is not fresh."""

    def __init__(self, batch: Sequence[Delivery]) -> None:
        self._recipients = [each.recipient for each in batch]
        self._read()

    def of(self, delivery: Delivery) -> Address | None:
        """Return where a letter goes; None: to somebody who was erased."""
        if time.monotonic() - self._read_at >= FRESH:
            self._read()
        return self._found.get(delivery.recipient)

    def _read(self) -> None:
        self._read_at = time.monotonic()
        self._found = addresses_of(self._recipients)


def look_ahead(batch: Sequence[Delivery]) -> None:
    """Read the events of a batch, and where its letters go."""
    log.look_ahead(batch)
    addresses = Addresses(batch)
    for each in batch:
        each.addresses = addresses  # type: ignore[attr-defined]


def addresses_of(recipients: Sequence[str]) -> Mapping[str, Address]:
    """Return where the letters of these go; without those who were erased."""
    found: Mapping[str, Address]
    found = import_string(settings.OUTBOX["ADDRESSES"])(recipients)
    return found


def deliver(delivery: Delivery, ends: float) -> Outcome:
    """Write and send one letter, if there still is somebody who wants it."""
    letter = letters.named(delivery.destination)
    if letter is None:
        return letters.unknown(delivery)
    ahead: Addresses | None = getattr(delivery, "addresses", None)
    address = (ahead or Addresses([delivery])).of(delivery)
    if address is None or not address.email:
        return NO_ADDRESS
    if address.bounced:
        return BOUNCED_BEFORE
    smtp.line().sent = False
    once = letter.at_most_once
    try:
        event = log.event_of(delivery)
        if unneeded := _unneeded(letter, event, address):
            return unneeded
        context = letter.context(event)
        return _send(
            compose(letter, context, address, message_id=delivery.message_id),
            ends,
            partial(claims.sending, delivery) if once else _nothing,
        )
    except (OperationalError, InterfaceError, Fenced):
        raise  # our database, and no fault of the letter
    except Exception as error:  # noqa: BLE001 - its text may name the person
        outcome = answers.meaning(error, address, ends, sent=smtp.line().sent)
    if outcome.name == answers.BOUNCED:
        import_string(settings.OUTBOX["BOUNCED"])(
            email=address.email, now=timezone.now()
        )
    return outcome


def _unneeded(letter: Letter, event: DomainEvent, address: Address) -> Outcome | None:
    """Return why the letter is better not sent; None where it is to go."""
    if letter.kind in address.muted and not letter.mandatory:
        return NOT_WANTED
    at_once = letter.kind in address.at_once
    if letter.kind in letters.digest_kinds() and letter.digest == at_once:
        return NOT_WANTED
    if letter.until and timezone.now() > letter.until(event):
        return EXPIRED
    if letter.holds and not letter.holds(event):
        return NO_LONGER_SO
    return None


def _send(
    message: EmailMultiAlternatives, ends: float, about_to_send: Callable[[], object]
) -> Outcome:
    backend = get_connection()
    if isinstance(backend, EmailBackend):
        smtp.line().post(message, ends, about_to_send)
    else:  # the console, a file, memory: nothing that could stall
        about_to_send()
        smtp.line().sent = True
        backend.send_messages([message])
    return DELIVERED


def _nothing() -> None:
    pass
