"""
E-mails: one letter to one person, over SMTP.

Who somebody is and where their letters go is asked at the last moment, and
none of it is kept: neither the delivery nor an attempt holds an address or a
name, not even where the server's answer does.
"""

from __future__ import annotations

import html
import logging
import re
import smtplib
import socket
import threading
import time
import traceback
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from email.utils import formataddr
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.smtp import EmailBackend
from django.core.validators import validate_email
from django.db import InterfaceError, OperationalError
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.encoding import punycode
from django.utils.html import strip_tags
from django.utils.module_loading import import_string

from outbox import log, schedule
from outbox.channels import letters
from outbox.channels.contract import DELIVERED, Outcome, RouteTo
from outbox.channels.letters import Letter
from outbox.models import Delivery, Event

logger = logging.getLogger(__name__)

NAME = "emails"
DEADLINE = schedule.deadline(20.0)
RETRIES = schedule.LETTERS
IN_TRANSACTION = False
BATCH = 10
PER_DESTINATION = 8

LONGEST_KEPT = 60.0
"""Seconds a connection is used for: shorter than servers wait for a word."""
LONGEST_ANSWER = 300

NO_ADDRESS = Outcome(delivered=False, name="no_address", final=True)
BAD_HEADER = Outcome(delivered=False, name="bad_header", final=True)
NOT_WANTED = Outcome(delivered=True, name="not_wanted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where somebody's letters go, in which language, and which they do not want."""

    email: str
    name: str
    language: str
    muted: frozenset[str] = frozenset()


def routes() -> tuple[RouteTo, ...]:
    """Return none: deliveries come from letters that are expanded."""
    return ()


def deliver(delivery: Delivery) -> Outcome:
    """Write and send one letter, if there still is somebody who wants it."""
    ends = time.monotonic() + DEADLINE
    letter = letters.named(delivery.destination)
    if letter is None:
        return letters.unknown(delivery)
    address: Address | None = import_string(settings.OUTBOX["ADDRESSES"])(
        delivery.recipient
    )
    if address is None or not address.email:
        return NO_ADDRESS
    if letter.kind in address.muted and not letter.mandatory:
        return NOT_WANTED
    try:
        return _send(compose(letter, delivery, address), ends)
    except (OperationalError, InterfaceError):
        raise  # our database, and no fault of the letter
    except Exception as error:  # noqa: BLE001 - its text may name the person
        return _failure(error, address, ends)


# --- The message ---------------------------------------------------------------


class BadHeader(Exception):
    """A name, an address or a title would end its header and begin another."""


def compose(
    letter: Letter, delivery: Delivery, address: Address
) -> EmailMultiAlternatives:
    """Return the message; raise BadHeader for what cannot stand in its head."""
    to = _mailbox(address)
    event = log.decoded(Event.objects.get(id=delivery.event_id))
    about = {"name": address.name, "language": address.language}
    with translation.override(address.language):
        source = render_to_string(
            f"{letter.template}.{address.language}.html", letter.context(event) | about
        )
    subject, text = _words(source)
    _check_header(subject)
    message = EmailMultiAlternatives(
        subject,
        text,
        to=[to],
        headers={
            "Message-ID": delivery.message_id,
            "Auto-Submitted": "auto-generated",
        },
    )
    message.attach_alternative(source, "text/html")
    return message


def _words(source: str) -> tuple[str, str]:
    """Return the title and the paragraphs of a page, as plain text."""
    title, _, rest = source.partition("<title>")[2].partition("</title>")
    paragraphs = rest.partition("<body")[2].partition(">")[2].split("</p>")
    return _plain(title), "\n\n".join(filter(None, map(_plain, paragraphs))) + "\n"


def _plain(markup: str) -> str:
    return " ".join(html.unescape(strip_tags(markup)).split())


def _mailbox(address: Address) -> str:
    _check_header(address.name)
    _check_header(address.email)
    try:
        validate_email(address.email)
    except ValidationError:
        raise BadHeader from None
    local, _, domain = address.email.rpartition("@")
    return formataddr((address.name, f"{local}@{punycode(domain)}"))


def _check_header(text: str) -> None:
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise BadHeader


# --- The answer ----------------------------------------------------------------


def _failure(error: Exception, address: Address, ends: float) -> Outcome:
    """Return what an error means for this letter, in words that name nobody."""
    outcome = _meaning(error, address)
    late = not outcome.final and time.monotonic() >= ends
    return replace(outcome, name="deadline") if late else outcome


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
    )


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


# --- The connection ------------------------------------------------------------


class Line(EmailBackend):
    """
    Django's SMTP with one connection kept, and a deadline over all it does.

    EMAIL_TIMEOUT bounds each single wait; a server that drips a byte a second
    outruns that. So at the deadline a watch shuts the socket down, wherever
    the conversation stands.
    """

    call: smtplib.SMTP | None = None
    opened_at = 0.0

    def post(self, message: EmailMultiAlternatives, ends: float) -> None:
        """Send one message before `ends`, or raise what stood in the way."""
        with _until(ends, self.cut):
            try:
                self._connect(ends)
                self.send_messages([message])
            except Exception:
                self.hang_up()  # the next letter starts on a fresh connection
                raise

    def hang_up(self) -> None:
        """Close, politely where the other side still listens."""
        with suppress(OSError):
            self.close()

    def cut(self) -> None:
        """End the conversation at once, from another thread."""
        sock = self.call.sock if self.call else None
        if sock is not None:
            with suppress(OSError):
                # Closing would not wake a blocked read; shutting down does. And
                # below TLS, whose own shutdown lets the other thread go on in
                # plain text for a moment.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    @property
    def connection_class(self) -> Callable[..., smtplib.SMTP]:  # type: ignore[override]
        """Django's choice; known here before it connects, as a greeting may stall."""
        kind = super().connection_class

        def connected(*args: Any, **kwargs: Any) -> smtplib.SMTP:
            self.call = kind.__new__(kind)
            kind.__init__(self.call, *args, **kwargs)
            return self.call

        return connected

    def _connect(self, ends: float) -> None:
        """
        Have a connection that answers.

        A kept one is asked first, so that one that broke meanwhile is replaced
        before the letter is begun. After that nothing is sent twice in one
        attempt: a break may have come after the final dot.
        """
        if self.connection and not (self._young() and self._answers()):
            self.hang_up()
        if self.open():
            self.opened_at = time.monotonic()
        # There was nothing to shut down while a name was looked up.
        if time.monotonic() >= ends:
            raise TimeoutError("no connection before the deadline")

    def _young(self) -> bool:
        return time.monotonic() - self.opened_at < LONGEST_KEPT

    def _answers(self) -> bool:
        try:
            return self.connection is not None and self.connection.rset()[0] == 250
        except OSError:
            return False


_kept = threading.local()


def _send(message: EmailMultiAlternatives, ends: float) -> Outcome:
    backend = get_connection()
    if isinstance(backend, EmailBackend):
        _line().post(message, ends)
    else:  # the console, a file, memory: nothing that could stall
        backend.send_messages([message])
    return DELIVERED


def _line() -> Line:
    """Return this thread's own connection."""
    if not hasattr(_kept, "line"):
        _kept.line = Line()
    line: Line = _kept.line
    return line


def hang_up() -> None:
    """Close this thread's connection; the next letter reads the settings again."""
    if hasattr(_kept, "line"):
        _kept.line.hang_up()
        del _kept.line


@contextmanager
def _until(ends: float, cut: Callable[[], None]) -> Iterator[None]:
    """Call `cut` once time is over, and again until the block is left."""
    left = threading.Event()

    def watch() -> None:
        pause = ends - time.monotonic()
        while not left.wait(max(pause, 0)):
            cut()
            pause = 0.05  # a socket may have appeared only now

    watcher = threading.Thread(target=watch, name="letter-deadline", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        left.set()
        watcher.join()
