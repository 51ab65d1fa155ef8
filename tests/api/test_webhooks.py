from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from outbox import codec, sequencer
from outbox.channels.webhooks import rotation
from outbox.models import Attempt, Command, Delivery, Route, WebhookEndpoint
from tests.api.problems import problem
from tests.threads import at_once

ENDPOINTS = "/api/v1/webhook-endpoints/"
GIVEN = {"url": "https://example.org/hook", "event_types": ["book.*"]}


@pytest.fixture
def endpoint(librarian):
    return librarian.post(ENDPOINTS, GIVEN).json()


def test_the_secret_is_shown_once(librarian):
    made = librarian.post(ENDPOINTS, GIVEN)
    shown = made.json()

    assert made.status_code == 201
    row = WebhookEndpoint.objects.get(id=shown["id"])
    assert [shown["secret"]] == rotation.secrets_of(row)
    assert "Consistency-Token" not in made  # no event: an endpoint is no fact
    one = librarian.get(f"{ENDPOINTS}{shown['id']}/")
    listed = librarian.get(ENDPOINTS)
    assert shown["secret"] not in one.content.decode() + listed.content.decode()
    assert one.json() == listed.json()["results"][0]


def test_a_repeat_does_not_show_the_secret_again(librarian):
    first = librarian.keyed(ENDPOINTS, GIVEN, "k1").json()
    again = librarian.keyed(ENDPOINTS, GIVEN, "k1")

    assert (again.status_code, again.json()["secret"]) == (201, None)
    assert "once" in again.json()["note"]
    assert again.json()["id"] == first["id"]


def test_a_repeat_does_not_bring_an_endpoint_back(librarian):
    made = librarian.keyed(ENDPOINTS, GIVEN, "k1").json()
    librarian.delete(f"{ENDPOINTS}{made['id']}/")

    problem(librarian.keyed(ENDPOINTS, GIVEN, "k1"), 404, "not_found")
    assert not WebhookEndpoint.objects.exists()


def test_an_endpoint_is_changed_switched_off_and_removed(librarian, endpoint):
    path = f"{ENDPOINTS}{endpoint['id']}/"

    changed = librarian.patch(path, {"event_types": ["book.borrowed"]})
    off = librarian.patch(path, {"active": False})

    assert changed.json()["event_types"] == ["book.borrowed"]
    assert off.json()["active"] is False
    assert not Route.objects.filter(channel="webhooks", active=True).exists()
    assert librarian.delete(path).status_code == 204
    problem(librarian.get(path), 404, "not_found")


def test_the_endpoint_of_another_is_not_there(db, a_librarian, endpoint):
    other = a_librarian()
    path = f"{ENDPOINTS}{endpoint['id']}/"

    for answer in (
        other.get(path),
        other.patch(path, {"active": False}),
        other.delete(path),
        other.get(f"{path}deliveries/"),
        other.post(f"{path}rotate/", {}),
    ):
        problem(answer, 404, "not_found")
    assert other.get(ENDPOINTS).json()["count"] == 0
    row = WebhookEndpoint.objects.get()
    assert row.active
    assert rotation.secrets_of(row) == [endpoint["secret"]]


def test_readers_have_none(reader, endpoint):
    path = f"{ENDPOINTS}{endpoint['id']}/"

    for answer in (
        reader.get(ENDPOINTS),
        reader.post(ENDPOINTS, GIVEN),
        reader.get(path),
        reader.delete(path),
        reader.get(f"{path}deliveries/"),
        reader.post(f"{path}rotate/", {}),
    ):
        problem(answer, 403, "permission_denied")


def test_a_public_key_is_shown_any_time_and_its_secret_never(librarian):
    made = librarian.post(ENDPOINTS, GIVEN | {"scheme": "v1a"}).json()

    (signature,) = made["signatures"]
    assert (signature["scheme"], signature["until"]) == ("v1a", None)
    assert signature["public_key"].startswith("whpk_")
    assert made["secret"] is None
    assert librarian.get(f"{ENDPOINTS}{made['id']}/").json()["signatures"] == [
        signature
    ]


def test_a_secret_is_rotated_and_the_new_one_shown_once(librarian, endpoint):
    path = f"{ENDPOINTS}{endpoint['id']}/rotate/"

    rotated = librarian.keyed(path, {"overlap_hours": 1}, "k1")
    again = librarian.keyed(path, {"overlap_hours": 1}, "k1")

    new = rotated.json()["secret"]
    row = WebhookEndpoint.objects.get()
    assert rotation.secrets_of(row) == [new, endpoint["secret"]]
    assert (again.status_code, again.json()["secret"]) == (200, None)
    assert "once" in again.json()["note"]
    assert [each["until"] is None for each in again.json()["signatures"]] == [
        True,
        False,
    ]
    command = Command.objects.get()
    assert new not in str([command.answer, command.events, command.name])


def test_a_rotation_needs_no_body(librarian, endpoint):
    rotated = librarian.post(f"{ENDPOINTS}{endpoint['id']}/rotate/", {}).json()

    _, former = rotated["signatures"]
    left = datetime.fromisoformat(former["until"]) - datetime.now(UTC)
    assert timedelta(hours=23) < left < timedelta(hours=25)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"overlap_hours": -1}, "min_value"),
        ({"overlap_hours": 169}, "max_value"),
        ({"overlap_hours": "soon"}, "invalid"),
        ({"scheme": "v2"}, "invalid_choice"),
        ({"secret": "whsec_abc"}, "unknown_field"),
    ],
)
def test_a_rotation_that_cannot_be_is_refused(librarian, endpoint, given, code):
    path = f"{ENDPOINTS}{endpoint['id']}/rotate/"

    found = problem(librarian.post(path, given), 400, "validation_error")

    assert [error["code"] for error in found["errors"]] == [code]
    assert len(rotation.secrets_of(WebhookEndpoint.objects.get())) == 1


def test_what_needs_a_shared_secret_is_not_had_with_a_key_pair(librarian, endpoint):
    path = f"{ENDPOINTS}{endpoint['id']}/"
    both = {"scheme": "v1a", "compatible": True}

    problem(librarian.post(ENDPOINTS, GIVEN | both), 400, "invalid_endpoint")
    librarian.patch(path, {"compatible": True})
    problem(
        librarian.post(f"{path}rotate/", {"scheme": "v1a"}), 400, "invalid_endpoint"
    )
    librarian.patch(path, {"compatible": False})
    librarian.post(f"{path}rotate/", {"scheme": "v1a"})
    problem(librarian.patch(path, {"compatible": True}), 400, "invalid_endpoint")


def test_rotations_at_once_come_one_after_the_other(committed_db, a_librarian):
    librarian = a_librarian()
    made = librarian.post(ENDPOINTS, GIVEN).json()
    path = f"{ENDPOINTS}{made['id']}/rotate/"

    answers = at_once(4, lambda number: librarian.post(path, {}))

    assert [answer.status_code for answer in answers] == [200] * 4
    shown = {made["secret"], *(answer.json()["secret"] for answer in answers)}
    assert set(rotation.secrets_of(WebhookEndpoint.objects.get())) == shown


def test_so_many_secrets_sign_and_no_more(librarian, endpoint):
    path = f"{ENDPOINTS}{endpoint['id']}/rotate/"
    for _ in range(rotation.MOST_SECRETS - 1):
        assert librarian.post(path, {}).status_code == 200

    problem(librarian.post(path, {}), 409, "too_many_secrets")

    revoked = librarian.post(path, {"overlap_hours": 0})
    assert len(revoked.json()["signatures"]) == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": "ftp://example.org/"}, "url"),
        ({"url": "https://"}, "url"),
        ({"url": "https://a:b@example.org/"}, "url"),
        ({"url": "https://[::1"}, "url"),
        ({"event_types": ["no.such"]}, "event_types"),
    ],
)
def test_an_endpoint_that_cannot_be_is_refused(librarian, change, field):
    found = problem(librarian.post(ENDPOINTS, GIVEN | change), 400, "invalid_endpoint")

    assert [error["field"] for error in found["errors"]] == [field]


def test_the_same_url_twice_is_refused(librarian, endpoint):
    problem(librarian.post(ENDPOINTS, GIVEN), 409, "endpoint_taken")


def test_deliveries_are_listed_with_every_attempt(librarian, endpoint, a_book):
    a_book()
    delivery = _owed(endpoint)
    for claim, (outcome, status) in enumerate([("refused", None), ("http", 503)]):
        Attempt.objects.create(
            delivery=delivery,
            claim=claim,
            outcome=outcome,
            http_status=status,
            worker="w",
        )

    path = f"{ENDPOINTS}{endpoint['id']}/deliveries/"
    (shown,) = librarian.get(path).json()["results"]

    assert shown["event_id"] == str(delivery.event_id)
    assert (shown["event_type"], shown["status"]) == ("book.created", "pending")
    assert [each["http_status"] for each in shown["attempts"]] == [None, 503]


def test_event_types_are_listed(reader):
    listed = {each["type"]: each for each in reader.get("/api/v1/event-types/").json()}

    assert "book.borrowed" in listed
    borrowed = listed["book.borrowed"]
    assert borrowed["description"] == "A copy left with a member."
    assert borrowed["schema"]["properties"]["data"]["properties"]["due_at"] == {
        "type": "string",
        "format": "date-time",
    }
    assert borrowed["example"]["data"]["loan_days"] == 28
    assert list(listed) == list(codec.event_types())


def _owed(endpoint):
    sequencer.sequence_all()
    return Delivery.objects.get(channel="webhooks", destination=endpoint["id"])
