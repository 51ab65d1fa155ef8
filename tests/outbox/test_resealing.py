"""Secrets change to a new key, and nothing is lost on the way."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from library.members.models import User
from outbox import resealing, sealing
from outbox.channels.webhooks import endpoints, rotation
from outbox.models import WebhookSecret


@pytest.fixture
def keys(settings):
    """Say which keys are configured, the one that seals first."""

    def configure(*ids):
        found = {key_id: key_id.encode().ljust(32) for key_id in ids}
        settings.OUTBOX = {**settings.OUTBOX, "SEALING_KEYS": found}

    return configure


@pytest.fixture
def an_endpoint(db):
    """Add an endpoint; return it with its secret."""
    owner = User.objects.create_user("owner", is_staff=True)

    def make():
        number = WebhookSecret.objects.count()
        return endpoints.create(
            owner=owner, url=f"https://example.org/{number}", event_types=["*"]
        )

    return make


def used():
    """Return the ids of the keys that the table needs."""
    return {sealing.key_of(bytes(each.sealed)) for each in WebhookSecret.objects.all()}


def ask(*arguments):
    said = StringIO()
    call_command("outbox", "reseal", *arguments, stdout=said)
    return said.getvalue()


def test_everything_is_sealed_anew_and_opens_as_before(keys, an_endpoint, monkeypatch):
    monkeypatch.setattr(resealing, "BATCH", 2)
    keys("old")
    made = [an_endpoint() for _ in range(5)]
    keys("new", "old")
    made.append(an_endpoint())
    steps = []

    done = resealing.reseal(progress=lambda *step: steps.append(step))

    assert (done.key, done.already, dict(done.resealed)) == ("new", 1, {"old": 5})
    assert steps == [(number, 6) for number in range(1, 7)]
    assert used() == {"new"}
    keys("new")
    for endpoint, secret in made:
        assert rotation.secrets_of(endpoint) == [secret]


def test_a_second_time_there_is_nothing_to_do(keys, an_endpoint):
    an_endpoint()
    keys("new")
    resealing.reseal()
    before = bytes(WebhookSecret.objects.get().sealed)

    done = resealing.reseal()

    assert (done.already, dict(done.resealed)) == (1, {})
    assert bytes(WebhookSecret.objects.get().sealed) == before


def test_who_was_stopped_goes_on_where_it_was(keys, an_endpoint):
    for _ in range(3):
        an_endpoint()
    keys("new")

    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        resealing.reseal(progress=stop)

    done = resealing.reseal()
    assert (done.already, done.resealed.total()) == (2, 1)


def test_a_secret_that_was_changed_meanwhile_is_not_overwritten(
    keys, an_endpoint, monkeypatch
):
    endpoint, _ = an_endpoint()
    keys("new")
    seal, newer = sealing.seal, sealing.seal("whsec_newer", about=str(endpoint.id))

    def sealed_too_late(*arguments, **more):
        WebhookSecret.objects.update(sealed=newer)
        return seal(*arguments, **more)

    monkeypatch.setattr(sealing, "seal", sealed_too_late)

    done = resealing.reseal()

    assert not done.resealed
    assert rotation.secrets_of(endpoint) == ["whsec_newer"]


def test_what_does_not_open_is_left_and_stops_nothing(keys, an_endpoint):
    keys("gone")
    an_endpoint()
    keys("old")
    an_endpoint()
    keys("new", "old")

    with pytest.raises(CommandError, match="Some do not open: 1 of 'gone'"):
        ask()

    assert used() == {"gone", "new"}


def test_the_command_tells_how_many(keys, an_endpoint):
    keys("old")
    an_endpoint()
    keys("new", "old")

    assert "1 would be sealed anew, from 'old'" in ask("--dry-run")
    assert used() == {"old"}
    assert "1 were sealed anew, from 'old'" in ask()
    assert "1 are under 'new' already" in ask()
    assert json.loads(ask("--json")) == {
        "key": "new",
        "already": 1,
        "resealed": {},
        "unopened": {},
        "dry_run": False,
    }
