"""
Unsubscribing from a letter itself: a link bound to one member and one kind.

Who holds the letter may say that no more of its kind shall come, and nothing else:
no login is asked for, and nobody can make up such a link. It works for as long as
the key it was signed with is known; letters are kept for years.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.urls import reverse

from library.members.refusals import UnknownLink

SALT = "library.members.unsubscribing"


@dataclass(frozen=True, slots=True)
class Wish:
    """Whose wish it is, and which kind of letter shall not come any more."""

    member_id: UUID
    kind: str


def url(recipient: str, kind: str) -> str:
    """Return the link for a member's letters of a kind."""
    token = _signer().sign(f"{UUID(recipient).hex}.{kind}")
    return f"{settings.PUBLIC_URL}{reverse('unsubscribe', args=[token])}"


def read(token: str) -> Wish:
    """Return what a link is for; raise UnknownLink for one that we did not make."""
    try:
        member, _, kind = _signer().unsign(token).partition(".")
    except BadSignature:
        raise UnknownLink from None
    return Wish(UUID(member), kind)


def _signer() -> Signer:
    return Signer(salt=SALT, sep=".")  # each reads the keys anew
