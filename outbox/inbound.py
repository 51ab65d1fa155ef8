"""
The sources that send us messages: what each is called, who handles it, its secrets.

OUTBOX["SOURCES"] names each with its handler's dotted path, and the scheme it signs
by if that is the older one. Its secrets are kept sealed; it has none at first, and
is not there for anybody until it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from outbox import sealing
from outbox.channels.webhooks import keys
from outbox.errors import OutboxError
from outbox.inbox import Handler
from outbox.models import InboundSecret
from outbox.signatures import Scheme

MOST_SECRETS = 5  # of one source; each is tried
SHORTEST, LONGEST = 16, 500  # characters of a secret of the older scheme


class InvalidSource(OutboxError):
    """There is no such source, or it cannot have such a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Somebody who sends us messages."""

    name: str
    handler: Handler
    scheme: Scheme
    secrets: list[str] = field(repr=False)


def configured() -> Mapping[str, Mapping[str, str]]:
    """Return what the settings say of each source."""
    named: Mapping[str, Mapping[str, str]] = settings.OUTBOX.get("SOURCES", {})
    return named


def find(name: str) -> Source | None:
    """Return a source; None for one that is not configured, or has no secret yet."""
    if name not in configured():
        return None
    rows = InboundSecret.objects.filter(source=name).order_by("-id")[:MOST_SECRETS]
    secrets = [row.opened() for row in rows]
    if not secrets:
        return None
    handler = import_string(configured()[name]["handler"])
    return Source(name=name, handler=handler, scheme=scheme_of(name), secrets=secrets)


def scheme_of(name: str) -> Scheme:
    """Return the scheme that a configured source signs by."""
    return "older" if configured()[name].get("scheme") == "older" else "standard"


def add_secret(name: str, given: str | None = None) -> str:
    """
    Give a source another secret, the partner's own or a new one, and return it.

    Those it has go on to be good. Raises InvalidSource.
    """
    if name not in configured():
        known = ", ".join(configured()) or "none"
        raise InvalidSource(f"OUTBOX['SOURCES'] names no {name!r}. Known: {known}.")
    secret = keys.new("v1") if given is None else given
    _check(secret, scheme_of(name))
    row = InboundSecret(source=name)
    row.sealed = sealing.seal(secret, about=row.about())
    row.save()
    return secret


@transaction.atomic
def keep_newest(name: str) -> int:
    """Forget every secret of a source but the newest; return how many went."""
    mine = InboundSecret.objects.select_for_update().filter(source=name)
    older = [row.pk for row in mine.order_by("-id")[1:]]
    count, _ = InboundSecret.objects.filter(pk__in=older).delete()
    return int(count)


def _check(secret: str, scheme: Scheme) -> None:
    if scheme == "older":
        if not (SHORTEST <= len(secret) <= LONGEST and secret.isascii()):
            raise InvalidSource(
                f"A secret of the older scheme has {SHORTEST} to {LONGEST} ASCII "
                "characters."
            )
        return
    try:
        keys.checker(secret)
    except ValueError as error:
        raise InvalidSource(str(error)) from None
