from __future__ import annotations

import pytest

from outbox import sequencer
from outbox.channels.webhooks import endpoints
from outbox.models import Attempt, Delivery, Route, WebhookEndpoint
from tests.api.problems import problem

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
    assert shown["secret"] == endpoints.secret_of(row)
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
    ):
        problem(answer, 404, "not_found")
    assert other.get(ENDPOINTS).json()["count"] == 0
    assert WebhookEndpoint.objects.get().active


def test_readers_have_none(reader, endpoint):
    path = f"{ENDPOINTS}{endpoint['id']}/"

    for answer in (
        reader.get(ENDPOINTS),
        reader.post(ENDPOINTS, GIVEN),
        reader.get(path),
        reader.delete(path),
        reader.get(f"{path}deliveries/"),
    ):
        problem(answer, 403, "permission_denied")


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
    assert listed["book.borrowed"]["description"] == "A copy left with a member."


def _owed(endpoint):
    sequencer.sequence_all()
    return Delivery.objects.get(channel="webhooks", destination=endpoint["id"])
