"""Secrets that change while messages go out, as the receiver sees it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import time
from datetime import timedelta

import pytest
import standardwebhooks
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import IntegrityError, transaction

from library.catalog.books import add_book
from library.members.models import User
from outbox import duties, relay, sequencer
from outbox.channels.webhooks import channel, endpoints, rotation
from outbox.channels.webhooks.refusals import InvalidEndpoint, TooManySecrets
from outbox.models import Attempt, Delivery, WebhookSecret

DAY = timedelta(days=1)
MESSAGES = int(os.environ.get("VERIFIED_MESSAGES", "25"))


@pytest.fixture
def an_endpoint(db, httpserver, settings):
    """Add an endpoint that takes everything; return it with its secret."""
    settings.OUTBOX = {**settings.OUTBOX, "PLAIN_HTTP": True}
    httpserver.expect_request("/hook").respond_with_data("thanks")

    def make(**more):
        return endpoints.create(
            owner=User.objects.create_user("owner", is_staff=True),
            url=httpserver.url_for("/hook"),
            event_types=["book.*"],
            **more,
        )

    return make


@pytest.fixture
def told(now, httpserver):
    """Let something happen and deliver it; return headers and body as received."""

    def tell():
        add_book(title="Oʻtkan kunlar", authors=["A"], now=now)
        sequencer.sequence_all()
        relay.deliver_batch(channel)
        request, _ = httpserver.log[-1]
        return request.headers, request.get_data()

    return tell


def verified(secret, headers, body):
    """Tell what an independent verifier says."""
    try:
        standardwebhooks.Webhook(secret).verify(body, dict(headers))
    except standardwebhooks.WebhookVerificationError:
        return False
    return True


def test_every_message_is_verified_by_others_while_secrets_are_rotated(
    an_endpoint, told
):
    endpoint, secret = an_endpoint()
    verdicts = []

    for number in range(MESSAGES):
        newer = rotation.rotate(endpoint) if number % 20 == 10 else None
        message = told()
        verdicts += [verified(each, *message) for each in filter(None, (secret, newer))]
        if newer:
            secret = newer
            for former in endpoint.secrets.exclude(until=None):
                over(former)

    print(f"messages={MESSAGES} verified={sum(verdicts)} of={len(verdicts)}")  # noqa: T201 - read by the proof
    assert all(verdicts)
    assert len(verdicts) >= MESSAGES


def over(secret_row):
    """Let a former secret's time be over."""
    WebhookSecret.objects.filter(id=secret_row.id).update(
        until=secret_row.created_at - DAY
    )


def test_old_and_new_sign_together_until_the_overlap_is_over(an_endpoint, told):
    endpoint, old = an_endpoint()
    assert verified(old, *told())

    new = rotation.rotate(endpoint)
    message = told()
    assert (verified(old, *message), verified(new, *message)) == (True, True)
    assert message[0]["webhook-signature"].count("v1,") == 2

    over(endpoint.secrets.get(until__isnull=False))
    message = told()
    assert (verified(old, *message), verified(new, *message)) == (False, True)


def test_an_attempt_costs_one_query_however_many_secrets_sign(
    an_endpoint, now, django_assert_num_queries
):
    endpoint, _ = an_endpoint()
    for _ in range(3):
        rotation.rotate(endpoint)
    add_book(title="T", authors=["A"], now=now)
    sequencer.sequence_all()
    delivery = Delivery.objects.get(channel="webhooks")

    with django_assert_num_queries(1):
        outcome = channel.deliver(delivery, time.monotonic() + 10)

    assert outcome.delivered


def test_an_overlap_of_nothing_revokes_all_that_is_old(an_endpoint, told):
    endpoint, first = an_endpoint()
    second = rotation.rotate(endpoint, overlap=DAY)

    third = rotation.rotate(endpoint, overlap=timedelta(0))

    message = told()
    assert [verified(each, *message) for each in (first, second, third)] == [
        False,
        False,
        True,
    ]
    assert endpoint.secrets.count() == 1


def test_a_second_rotation_does_not_shorten_the_first(an_endpoint, told):
    endpoint, first = an_endpoint()

    second = rotation.rotate(endpoint, overlap=DAY)
    third = rotation.rotate(endpoint, overlap=DAY)

    message = told()
    assert all(verified(each, *message) for each in (first, second, third))


def test_a_change_of_version_is_a_rotation(an_endpoint, told):
    endpoint, shared = an_endpoint()

    assert rotation.rotate(endpoint, version="v1a") is None

    headers, body = told()
    assert verified(shared, headers, body)
    public = endpoint.secrets.get(until=None).public_key
    newest, _ = headers["webhook-signature"].split(" ")
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    Ed25519PublicKey.from_public_bytes(
        base64.b64decode(public.removeprefix("whpk_"))
    ).verify(base64.b64decode(newest.removeprefix("v1a,")), signed)


def test_a_rotation_keeps_the_version_and_makes_another_key(an_endpoint):
    endpoint, _ = an_endpoint(scheme="v1a")

    rotation.rotate(endpoint)

    public = set(endpoint.secrets.values_list("public_key", flat=True))
    assert len(public) == 2
    assert rotation.version_of(endpoint) == "v1a"


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=7.1)])
def test_an_overlap_is_seven_days_at_most(an_endpoint, overlap):
    endpoint, secret = an_endpoint()

    with pytest.raises(InvalidEndpoint):
        rotation.rotate(endpoint, overlap=overlap)

    assert rotation.secrets_of(endpoint) == [secret]
    rotation.rotate(endpoint, overlap=timedelta(days=7))


def test_secrets_whose_time_is_over_make_room(an_endpoint):
    endpoint, _ = an_endpoint()
    for _ in range(rotation.MOST_SECRETS - 1):
        rotation.rotate(endpoint)
    with pytest.raises(TooManySecrets):
        rotation.rotate(endpoint)

    over(endpoint.secrets.filter(until__isnull=False).first())
    rotation.rotate(endpoint)

    assert len(rotation.secrets_of(endpoint)) == rotation.MOST_SECRETS


def test_a_relay_destroys_the_secrets_whose_time_is_over(an_endpoint, monkeypatch):
    monkeypatch.setattr(duties, "FIRST_PRUNING", 0.0)
    endpoint, _ = an_endpoint()
    second = rotation.rotate(endpoint)
    third = rotation.rotate(endpoint)
    over(endpoint.secrets.order_by("id").first())

    duties.Duties(stopped=lambda: False)()

    assert WebhookSecret.objects.count() == 2
    assert rotation.secrets_of(endpoint) == [third, second]


def test_an_endpoint_has_one_current_secret(an_endpoint):
    endpoint, _ = an_endpoint()

    with pytest.raises(IntegrityError), transaction.atomic():
        rotation.add(endpoint, "v1")


def test_a_secret_is_opened_only_for_its_own_endpoint(an_endpoint, told):
    endpoint, _ = an_endpoint()
    stolen = endpoints.create(
        owner=endpoint.owner, url="https://example.org/", event_types=["copy.*"]
    )[0].secrets.get()
    endpoint.secrets.update(sealed=bytes(stolen.sealed))

    _tell_in_vain(told)

    assert Delivery.objects.get(channel="webhooks").error.startswith("broken_seal: ")


def test_a_key_that_is_missing_here_costs_no_attempt(an_endpoint, told, settings):
    _, secret = an_endpoint()
    right = settings.SECRET_KEY
    settings.SECRET_KEY = "of another host"

    _tell_in_vain(told)

    delivery = Delivery.objects.get(channel="webhooks")
    assert (delivery.status, delivery.attempts) == ("pending", 0)
    assert Attempt.objects.get().outcome == "unknown_sealing_key"
    assert "SEALING_KEYS" in delivery.error

    settings.SECRET_KEY = right
    Delivery.objects.update(due_at=delivery.created_at)
    assert verified(secret, *told())


def _tell_in_vain(told):
    with pytest.raises(IndexError):  # nothing has come in
        told()


# --- The older scheme -----------------------------------------------------------


def hex_signature(secret, body):
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def test_a_compatible_endpoint_gets_the_older_headers_too(an_endpoint, told):
    _, secret = an_endpoint(compatible=True)

    headers, body = told()

    assert headers["X-Webhook-Signature"] == hex_signature(secret, body)
    assert headers["X-Event-Type"] == "book.created"
    assert verified(secret, headers, body)


def test_nobody_else_gets_them(an_endpoint, told):
    an_endpoint()

    headers, _ = told()

    assert "X-Webhook-Signature" not in headers
    assert "X-Event-Type" not in headers


def test_the_older_scheme_changes_over_when_the_overlap_is_over(an_endpoint, told):
    endpoint, old = an_endpoint(compatible=True)
    new = rotation.rotate(endpoint)

    headers, body = told()
    assert headers["X-Webhook-Signature"] == hex_signature(old, body)

    over(endpoint.secrets.get(until__isnull=False))
    headers, body = told()
    assert headers["X-Webhook-Signature"] == hex_signature(new, body)


def test_a_key_pair_that_is_over_soon_does_not_sign_the_older_scheme(an_endpoint, told):
    endpoint, _ = an_endpoint(scheme="v1a")
    shared = rotation.rotate(endpoint, version="v1")
    endpoints.change(endpoint, compatible=True)

    headers, body = told()

    assert headers["X-Webhook-Signature"] == hex_signature(shared, body)
