"""Other people's URLs: made, changed and removed, their routes in step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction

from outbox import codec, sealing
from outbox.channels.webhooks import keys
from outbox.errors import OutboxError
from outbox.ids import new_id
from outbox.models import Route, WebhookEndpoint

CHANNEL = "webhooks"


class InvalidEndpoint(OutboxError):
    """An endpoint cannot be as asked. `code` is stable."""

    code = "invalid_endpoint"

    def __init__(self, sentence: str, *, field: str) -> None:
        super().__init__(sentence)
        self.field = field


class EndpointTaken(InvalidEndpoint):
    """The owner has an endpoint with this URL."""

    code = "endpoint_taken"


@transaction.atomic
def create(
    *, owner: Any, url: str, event_types: Iterable[str], ordered: bool = False
) -> tuple[WebhookEndpoint, str]:
    """
    Add an endpoint; return it with its secret, which is shown this once.

    Event types may hold wildcards ("book.*"). Raises InvalidEndpoint for an owner,
    a URL or types that cannot be, and EndpointTaken.
    """
    if not may_own(owner):
        raise InvalidEndpoint(
            "Only active staff may have endpoints: the facts name members. "
            "Ask a librarian.",
            field="owner",
        )
    secret = keys.new("v1")
    endpoint = WebhookEndpoint(
        id=new_id(),
        owner=owner,
        url=_url(url),
        event_types=_patterns(event_types),
        ordered=ordered,
    )
    endpoint.sealed_secret = sealing.seal(secret, about=str(endpoint.id))
    _save(endpoint)
    return endpoint, secret


@transaction.atomic
def change(
    endpoint: WebhookEndpoint,
    *,
    url: str | None = None,
    event_types: Iterable[str] | None = None,
    active: bool | None = None,
) -> WebhookEndpoint:
    """Change what is given; None: as it was. Raises what `create` raises."""
    if url is not None:
        endpoint.url = _url(url)
    if event_types is not None:
        endpoint.event_types = _patterns(event_types)
    if active is not None:
        endpoint.active = active
    _save(endpoint)
    return endpoint


@transaction.atomic
def remove(endpoint: WebhookEndpoint) -> None:
    """Remove an endpoint; what it was still owed ends as undeliverable."""
    Route.objects.filter(channel=CHANNEL, destination=str(endpoint.id)).update(
        active=False
    )
    endpoint.delete()


def may_own(user: Any) -> bool:
    """Tell whether somebody may hear, at an endpoint, of everybody's loans."""
    return bool(user.is_active and user.is_staff)


def with_message(endpoint_id: str, event_id: UUID) -> Any:
    """
    Return an endpoint with `owner_allowed`, as `may_own` tells, and the `body` to send.

    None if it was removed; `body` is None if there is no such message. Asked before
    each attempt: by hand, for putting the query together would take longer than it.
    """
    statement = _WITH_MESSAGE.format(users=get_user_model()._meta.db_table)
    found = WebhookEndpoint.objects.raw(statement, [event_id, endpoint_id])
    return next(iter(found), None)


_WITH_MESSAGE = """
SELECT e.*, o.is_active AND o.is_staff AS owner_allowed,
    (SELECT p.body #>> '{{}}' FROM published p WHERE p.id = %s) AS body
FROM outbox_webhookendpoint e JOIN "{users}" o ON o.id = e.owner_id
WHERE e.id = %s
"""


def secret_of(endpoint: WebhookEndpoint) -> str:
    """Return the secret that signs for this endpoint."""
    return sealing.unseal(bytes(endpoint.sealed_secret), about=str(endpoint.id))


def wanted_types(endpoint: WebhookEndpoint) -> list[str]:
    """Return the event types an endpoint's patterns stand for."""
    return [
        event_type
        for event_type in codec.event_types()
        if any(_matches(pattern, event_type) for pattern in endpoint.event_types)
    ]


def _save(endpoint: WebhookEndpoint) -> None:
    try:
        with transaction.atomic():
            endpoint.save()
    except IntegrityError:
        raise EndpointTaken(
            "You have an endpoint with this URL. Change its event types instead.",
            field="url",
        ) from None
    _sync_routes(endpoint)


def _sync_routes(endpoint: WebhookEndpoint) -> None:
    wanted = wanted_types(endpoint) if endpoint.active else []
    mine = Route.objects.filter(channel=CHANNEL, destination=str(endpoint.id))
    mine.exclude(event_type__in=wanted).update(active=False)
    for event_type in wanted:
        Route.objects.update_or_create(
            channel=CHANNEL,
            destination=str(endpoint.id),
            event_type=event_type,
            defaults={"ordered": endpoint.ordered, "active": True},
        )


def _url(given: str) -> str:
    allowed = ("https", "http") if settings.OUTBOX["PLAIN_HTTP"] else ("https",)
    try:
        parts = urlsplit(given)
        sound = parts.scheme in allowed and bool(parts.hostname)
        sound = sound and parts.port != 0 and not (parts.username or parts.password)
    except ValueError:
        sound = False
    if not sound or len(given) > 500 or not given.isascii():
        raise InvalidEndpoint(
            f"A webhook needs an absolute URL ({' or '.join(allowed)}) with a host, "
            "without a user name, of at most 500 characters.",
            field="url",
        )
    return given


def _patterns(given: Iterable[str]) -> list[str]:
    patterns = sorted(set(given))
    known = codec.event_types()
    for pattern in patterns or [""]:
        if not any(_matches(pattern, event_type) for event_type in known):
            raise InvalidEndpoint(
                f"{pattern!r} matches no event type. Name one, such as "
                "'book.borrowed', or a group, such as 'book.*'.",
                field="event_types",
            )
    return patterns


def _matches(pattern: str, event_type: str) -> bool:
    """Tell whether "*", a group ("book.*") or a type's own name stands for a type."""
    if pattern in ("*", event_type):
        return True
    return pattern.endswith(".*") and event_type.startswith(pattern[:-1])
