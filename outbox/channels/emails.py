"""
E-mails: one letter to one person, over SMTP.

Who somebody is and where their letters go is asked at the last moment, and
none of it is kept: neither the delivery nor an attempt holds an address or a
name, not even where the server's answer does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.smtp import EmailBackend
from django.db import InterfaceError, OperationalError
from django.utils import timezone
from django.utils.module_loading import import_string

from outbox import claims, log, schedule
from outbox.channels import answers, letters, smtp
from outbox.channels.contract import DELIVERED, Outcome, RouteTo
from outbox.channels.letters import Letter
from outbox.channels.messages import Address, compose
from outbox.codec import DomainEvent
from outbox.errors import Fenced
from outbox.models import Delivery, Event

NAME = "emails"
DEADLINE = schedule.deadline(20.0)
RETRIES = schedule.LETTERS
IN_TRANSACTION = False
BATCH = 10
PER_DESTINATION = 20
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


def deliver(delivery: Delivery, ends: float) -> Outcome:
    """Write and send one letter, if there still is somebody who wants it."""
    letter = letters.named(delivery.destination)
    if letter is None:
        return letters.unknown(delivery)
    address: Address | None = import_string(settings.OUTBOX["ADDRESSES"])(
        delivery.recipient
    )
    if address is None or not address.email:
        return NO_ADDRESS
    if address.bounced:
        return BOUNCED_BEFORE
    smtp.line().sent = False
    once = letter.at_most_once
    try:
        event = log.decoded(Event.objects.get(id=delivery.event_id))
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
