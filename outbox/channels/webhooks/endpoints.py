"""Other people's URLs: made, changed and removed, their routes in step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import IntegrityError, transaction

from outbox import codec
from outbox.channels.webhooks import keys, rotation
from outbox.channels.webhooks.addresses import port_of
from outbox.channels.webhooks.public import is_web_port
from outbox.channels.webhooks.refusals import EndpointTaken, InvalidEndpoint
from outbox.ids import new_id
from outbox.models import Destination, Route, WebhookEndpoint

CHANNEL = "webhooks"


@transaction.atomic
def create(
    *,
    owner: Any,
    url: str,
    event_types: Iterable[str],
    ordered: bool = False,
    scheme: keys.Version = "v1",
    compatible: bool = False,
) -> tuple[WebhookEndpoint, str | None]:
    """
    Add an endpoint; return it with its secret, which is shown this once.

    Event types may hold wildcards ("book.*"). There is no secret to show of a `v1a`:
    see `rotation`. Raises InvalidEndpoint for what cannot be, and EndpointTaken.
    """
    rotation.check_version(scheme, compatible=compatible)
    if not may_own(owner):
        raise InvalidEndpoint(
            "Only active staff may have endpoints: the facts name members. "
            "Ask a librarian.",
            field="owner",
        )
    endpoint = WebhookEndpoint(
        id=new_id(),
        owner=owner,
        url=_url(url),
        event_types=_patterns(event_types),
        ordered=ordered,
        compatible=compatible,
    )
    _save(endpoint)
    Destination.objects.create(channel=CHANNEL, destination=str(endpoint.id))
    return endpoint, rotation.add(endpoint, scheme)


@transaction.atomic
def change(
    endpoint: WebhookEndpoint,
    *,
    url: str | None = None,
    event_types: Iterable[str] | None = None,
    active: bool | None = None,
    ordered: bool | None = None,
    compatible: bool | None = None,
) -> WebhookEndpoint:
    """Change what is given; None: as it was. Raises what `create` raises."""
    if compatible is not None:
        version = rotation.version_of(endpoint)
        rotation.check_version(version, compatible=compatible)
        endpoint.compatible = compatible
    if url is not None:
        endpoint.url = _url(url)
    if event_types is not None:
        endpoint.event_types = _patterns(event_types)
    if ordered is not None:
        endpoint.ordered = ordered
    if active is not None:
        endpoint.active = active
        _start_anew(endpoint)
    _save(endpoint)
    return endpoint


@transaction.atomic
def remove(endpoint: WebhookEndpoint) -> None:
    """Remove an endpoint; what it was still owed ends as undeliverable."""
    Route.objects.filter(channel=CHANNEL, destination=str(endpoint.id)).update(
        active=False
    )
    Destination.objects.filter(channel=CHANNEL, destination=str(endpoint.id)).delete()
    endpoint.delete()


def may_own(user: Any) -> bool:
    """Tell whether somebody may hear, at an endpoint, of everybody's loans."""
    return bool(user.is_active and user.is_staff)


def wanted_types(endpoint: WebhookEndpoint) -> list[str]:
    """Return the event types an endpoint's patterns stand for."""
    return [
        event_type
        for event_type in codec.event_types()
        if any(_matches(pattern, event_type) for pattern in endpoint.event_types)
    ]


def _start_anew(endpoint: WebhookEndpoint) -> None:
    """Forget how it answered: who switches it on again has put it right."""
    row = Destination.objects.filter(channel=CHANNEL, destination=str(endpoint.id))
    row.update(
        failures=0, failing_since=None, failed_at=None, warned_at=None, not_before=None
    )
    if not endpoint.active:
        row.update(paused=False)  # what it is owed ends, and must not wait for that


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
        sound = sound and (settings.OUTBOX["PLAIN_HTTP"] or is_web_port(port_of(parts)))
    except ValueError:
        sound = False
    if not sound or len(given) > 500 or not given.isascii():
        raise InvalidEndpoint(
            f"A webhook needs an absolute URL ({' or '.join(allowed)}) with a host, "
            "without a user name, at a port of web servers (443, or one from 1024), of "
            "at most 500 characters.",
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
