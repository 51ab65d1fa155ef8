"""
What a mail server's answer means, or that there was none.

Nothing that is kept of an answer names the person: servers quote the address, and
whatever else they like.
"""

from __future__ import annotations

import logging
import re
import smtplib
import time
import traceback
from dataclasses import replace

from outbox.channels.contract import Outcome
from outbox.channels.messages import Address, BadHeader

logger = logging.getLogger(__name__)

LONGEST_ANSWER = 300

BOUNCED = "bounced"
"""The name of the outcome that says that nobody is there, and never will be."""

BAD_HEADER = Outcome(delivered=False, name="bad_header", final=True)

# RFC 3463: these say that the address is wrong, 5.2.1 that the mailbox is closed. A
# full mailbox (5.2.2) may pass; 5.1.7, 5.1.8 and most policies (5.7.x) are about us.
_NOBODY_THERE = re.compile(rb"5\.(1\.([0-4]|6|10)|2\.1)\b")
_ENHANCED = re.compile(rb"\d\.\d{1,3}\.\d{1,3}\b")
_PLAIN = (550, 551, 553)  # RFC 5321: what servers without those codes say


def meaning(error: Exception, address: Address, ends: float, *, sent: bool) -> Outcome:
    """
    Return what an error means for a letter, in words that name nobody.

    `sent` says whether the text of the letter had begun to leave.
    """
    outcome = _meaning(error, address)
    late = not outcome.final and time.monotonic() >= ends
    name = "deadline" if late else outcome.name
    # The text had begun to leave, and nobody said that it was not taken.
    doubtful = sent and not _is_refused(error)
    return replace(outcome, name=name, ambiguous=doubtful)


def _meaning(error: Exception, address: Address) -> Outcome:
    match error:
        case BadHeader():
            return BAD_HEADER
        case smtplib.SMTPRecipientsRefused():
            [(code, text)] = error.recipients.values()
            refused = _refusal(code, text, address, final=code >= 500)
            return replace(refused, name=BOUNCED) if _is_bounce(code, text) else refused
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


def _is_bounce(code: int, text: bytes | str) -> bool:
    """Tell whether an answer to a recipient says that nobody will ever be there."""
    said = text.encode(errors="replace") if isinstance(text, str) else text
    if code < 500:
        return False
    if _ENHANCED.match(said):
        return bool(_NOBODY_THERE.match(said))
    return code in _PLAIN


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
