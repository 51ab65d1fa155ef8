"""
Messages: what a letter looks like when it leaves, and to whom it is addressed.

One template is the source of both forms: its title is the subject, the paragraphs
of its body are the plain text, and all of it is the HTML.
"""

from __future__ import annotations

import html
import re
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formataddr
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.core.validators import validate_email
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.encoding import punycode
from django.utils.html import strip_tags
from django.utils.module_loading import import_string

from outbox.channels.letters import Letter


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """
    Where somebody's letters go, in which language, and which they do not want.

    `at_once` are the kinds they want each by itself and not in a digest. `bounced`:
    their mail server has said that nobody is there.
    """

    recipient: str
    email: str
    name: str
    language: str
    muted: frozenset[str] = frozenset()
    at_once: frozenset[str] = frozenset()
    bounced: bool = False


class Message(EmailMultiAlternatives):
    """A message whose parts are kept apart by a line that nobody could foresee."""

    def message(self, **policy: Any) -> Any:
        """Return it as it leaves; `email` would look for a line in all of its text."""
        made = super().message(**policy)
        made.set_boundary(f"=_{secrets.token_hex(16)}")
        return made


class BadHeader(Exception):
    """A name, an address or a title would end its header and begin another."""


def compose(
    letter: Letter, context: Mapping[str, Any], address: Address, *, message_id: str
) -> Message:
    """
    Return the message that says what is in the context.

    Raises BadHeader for what cannot stand in its head.
    """
    to = _mailbox(address)
    unsubscribe = "" if letter.mandatory else _unsubscribe_url(letter, address)
    about = {
        "name": address.name,
        "language": address.language,
        "unsubscribe": unsubscribe,
    }
    with translation.override(address.language):
        source = render_to_string(
            f"{letter.template}.{address.language}.html", {**context, **about}
        )
    subject, text = _words(source)
    _check_header(subject)
    headers = {"Message-ID": message_id, "Auto-Submitted": "auto-generated"}
    if unsubscribe:  # RFC 8058: mail programs show a button, and post to the URL
        headers["List-Unsubscribe"] = f"<{unsubscribe}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message = Message(subject, text, to=[to], headers=headers)
    message.attach_alternative(source, "text/html")
    return message


def _unsubscribe_url(letter: Letter, address: Address) -> str:
    url = import_string(settings.OUTBOX["UNSUBSCRIBE"])
    return str(url(address.recipient, letter.kind))


# --- Two forms of one source -----------------------------------------------------

_LINK = re.compile(r'<a\b[^>]*\bhref="([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)


def _words(source: str) -> tuple[str, str]:
    """Return the title and the paragraphs of a page, as plain text."""
    title, _, rest = source.partition("<title>")[2].partition("</title>")
    paragraphs = rest.partition("<body")[2].partition(">")[2].split("</p>")
    return _plain(title), "\n\n".join(filter(None, map(_plain, paragraphs))) + "\n"


def _plain(markup: str) -> str:
    with_urls = _LINK.sub(r"\2: \1", markup)
    return " ".join(html.unescape(strip_tags(with_urls)).split())


# --- What stands in the head -----------------------------------------------------


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
