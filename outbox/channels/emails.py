"""
E-mails: one letter to one person, over SMTP.

Who somebody is and where their letters go is asked at the last moment, and
none of it is kept: neither the delivery nor an attempt holds an address or a
name, not even where the server's answer does.
"""

from __future__ import annotations

import logging
import re
import smtplib
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.smtp import EmailBackend
from django.db import InterfaceError, OperationalError
from django.utils import timezone
from django.utils.module_loading import import_string

from outbox import claims, log, schedule
from outbox.channels import letters, smtp
from outbox.channels.contract import DELIVERED, Outcome, RouteTo
from outbox.channels.letters import Letter
from outbox.channels.messages import Address, BadHeader, compose
from outbox.codec import DomainEvent
from outbox.errors import Fenced
from outbox.models import Delivery, Event

logger = logging.getLogger(__name__)

NAME = "emails"
DEADLINE = schedule.deadline(20.0)
RETRIES = schedule.LETTERS
IN_TRANSACTION = False
BATCH = 10
PER_DESTINATION = 20
WORKERS = 3

LONGEST_ANSWER = 300

# Nothing to raise an alarm about: nobody is there who could get the letter, or who
# would miss it.
NO_ADDRESS = Outcome(delivered=True, name="no_address")
NOT_WANTED = Outcome(delivered=True, name="not_wanted")
EXPIRED = Outcome(delivered=True, name="expired")
NO_LONGER_SO = Outcome(delivered=True, name="no_longer_so")

BAD_HEADER = Outcome(delivered=False, name="bad_header", final=True)


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
    smtp.line().sent = False
    once = letter.at_most_once
    try:
        event = log.decoded(Event.objects.get(id=delivery.event_id))
        if unneeded := _unneeded(letter, event, address):
            return unneeded
        return _send(
            compose(letter, event, address, message_id=delivery.message_id),
            ends,
            partial(claims.sending, delivery) if once else _nothing,
        )
    except (OperationalError, InterfaceError, Fenced):
        raise  # our database, and no fault of the letter
    except Exception as error:  # noqa: BLE001 - its text may name the person
        return _failure(error, address, ends)


def _unneeded(letter: Letter, event: DomainEvent, address: Address) -> Outcome | None:
    """Return why the letter is better not sent; None where it is to go."""
    if letter.kind in address.muted and not letter.mandatory:
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


# --- The answer ----------------------------------------------------------------


def _failure(error: Exception, address: Address, ends: float) -> Outcome:
    """Return what an error means for this letter, in words that name nobody."""
    outcome = _meaning(error, address)
    late = not outcome.final and time.monotonic() >= ends
    name = "deadline" if late else outcome.name
    # The text had begun to leave, and nobody said that it was not taken.
    doubtful = smtp.line().sent and not _is_refused(error)
    return replace(outcome, name=name, ambiguous=doubtful)


def _meaning(error: Exception, address: Address) -> Outcome:
    match error:
        case BadHeader():
            return BAD_HEADER
        case smtplib.SMTPRecipientsRefused():
            [(code, text)] = error.recipients.values()
            return _refusal(code, text, address, final=code >= 500)
        case smtplib.SMTPResponseException(smtp_code=code, smtp_error=said):
            # Anything but the letter itself, so the greeting, our login or our
            # own address: a wrong password must not end every letter owed.
            about_it = isinstance(error, smtplib.SMTPDataError)
            return _refusal(code, said, address, final=about_it and code >= 500)
    if not isinstance(error, OSError):  # a fault in a template, a row or this code
        where = "".join(traceback.format_tb(error.__traceback__))
        logger.warning("letter failed: %s at\n%s", type(error).__name__, where)
    return Outcome(
        delivered=False,
        name=type(error).__name__[:40],
        answer=_scrubbed(str(error), address),
        silent=_is_silence(error),
    )


def _is_refused(error: Exception) -> bool:
    # An answer that is none has the code -1; one other than 250 may still be a yes.
    return isinstance(error, smtplib.SMTPDataError) and 400 <= error.smtp_code < 600


def _is_silence(error: Exception) -> bool:
    answered = isinstance(error, smtplib.SMTPException)  # these are OSErrors, too
    hung_up = isinstance(error, smtplib.SMTPServerDisconnected)
    return hung_up or (isinstance(error, OSError) and not answered)


def _refusal(code: int, text: bytes | str, address: Address, *, final: bool) -> Outcome:
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    return Outcome(
        delivered=False,
        name="refused" if final else "put_off",
        final=final,
        answer=f"{code} {_scrubbed(text, address)}",
    )


def _scrubbed(text: str, address: Address) -> str:
    """Return a text without addresses, and without any part of this one or its name."""
    told = {address.email, *address.email.split("@"), *address.name.split()}
    words = [
        # "Al" must go, "already" may stay.
        re.escape(word) if len(word) > 3 else rf"\b{re.escape(word)}\b"
        for word in sorted(told, key=len, reverse=True)
        if word
    ]
    named = re.compile("|".join([r"[^\s<>]*@[^\s<>]*", *words]), re.IGNORECASE)
    return " ".join(named.sub("…", text).replace("\0", "").split())[:LONGEST_ANSWER]
