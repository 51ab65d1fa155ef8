"""
What signs for an endpoint: one secret, and while it is being replaced its forerunners.

A secret that was replaced signs beside the new one until its time is over, so that a
receiver may change over whenever it likes; then it is destroyed. A secret leaves here
once, when it is made; of a v1a key nothing does but the public half, at any time.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import cast
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet

from outbox import sealing
from outbox.channels.webhooks import keys
from outbox.channels.webhooks.refusals import InvalidEndpoint, TooManySecrets
from outbox.columns import Now
from outbox.models import WebhookEndpoint, WebhookSecret

OVERLAP = timedelta(hours=24)
LONGEST_OVERLAP = timedelta(days=7)
MOST_SECRETS = 5  # of one endpoint: a header has only so much room


def add(endpoint: WebhookEndpoint, version: keys.Version) -> str | None:
    """Give an endpoint a secret; return it if its receiver needs it, as for v1."""
    secret = keys.new(version)
    public = keys.public_of(secret)
    row = WebhookSecret(endpoint=endpoint, version=version, public_key=public)
    row.sealed = sealing.seal(secret, about=row.about())
    row.save()
    return None if public else secret


@transaction.atomic
def rotate(
    endpoint: WebhookEndpoint,
    *,
    overlap: timedelta = OVERLAP,
    version: keys.Version | None = None,
) -> str | None:
    """
    Give an endpoint another secret, of the same version unless one is named.

    Returns what `add` does. The former one signs for `overlap` more, 7 days at most;
    with zero, all that is old is revoked at once. The caller holds the endpoint's row.
    Raises InvalidEndpoint and TooManySecrets.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise InvalidEndpoint(
            "The former secret signs for 0 to 168 hours more.", field="overlap_hours"
        )
    version = version or version_of(endpoint)
    check_version(version, compatible=endpoint.compatible)
    endpoint.secrets.filter(~live() if overlap else Q()).delete()
    if endpoint.secrets.count() >= MOST_SECRETS:
        raise TooManySecrets(
            f"{MOST_SECRETS} secrets sign for this endpoint already. Wait until one "
            "of them is over, or revoke all of them with an overlap of 0.",
            field="overlap_hours",
        )
    endpoint.secrets.filter(until=None).update(until=Now() + overlap)
    return add(endpoint, version)


def version_of(endpoint: WebhookEndpoint) -> keys.Version:
    """Return the version that an endpoint's current secret signs."""
    return cast("keys.Version", endpoint.secrets.get(until=None).version)


def check_version(version: keys.Version, *, compatible: bool) -> None:
    """Raise InvalidEndpoint for a key pair where the older scheme is wanted too."""
    if compatible and version != "v1":
        raise InvalidEndpoint(
            "The older scheme needs a shared secret. Leave `scheme` at v1, or "
            "`compatible` at false.",
            field="compatible",
        )


def live() -> Q:
    """Match the secrets that sign at this moment, by the clock of the database."""
    return Q(until=None) | Q(until__gt=Now())


def newest_first() -> QuerySet[WebhookSecret]:
    """Return the secrets that sign, the newest first."""
    return WebhookSecret.objects.filter(live()).order_by(
        F("until").desc(nulls_first=True), "-id"
    )


def secrets_of(endpoint: WebhookEndpoint) -> list[str]:
    """Return the secrets that sign for an endpoint; raises CannotUnseal."""
    return [each.opened() for each in newest_first().filter(endpoint=endpoint)]


def opened(endpoint_id: UUID, sealed: Iterable[bytes]) -> list[str]:
    """Return an endpoint's sealed secrets opened; raises outbox.errors.CannotUnseal."""
    return [sealing.unseal(bytes(each), about=str(endpoint_id)) for each in sealed]


def forget_old() -> int:
    """Destroy the secrets whose time is over; return how many."""
    return WebhookSecret.objects.exclude(live()).delete()[0]
