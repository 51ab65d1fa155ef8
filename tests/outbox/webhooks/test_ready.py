"""What a batch of messages to an endpoint looks up together, and for how long."""

from __future__ import annotations

import pytest
from werkzeug import Response

from library.catalog.books import add_book
from library.members.models import User
from outbox import front, points, relay, sequencer
from outbox.channels.webhooks import channel, endpoints, ready, rotation
from outbox.models import Attempt, Delivery, WebhookEndpoint


@pytest.fixture(autouse=True)
def looking_everywhere(monkeypatch):
    """Let each claim look everywhere, though the last one was a moment ago."""
    monkeypatch.setattr(front, "PART", 0)


@pytest.fixture(autouse=True)
def nobody_listens():
    yield
    points.listen(None)


@pytest.fixture
def endpoint(db, httpserver, settings):
    settings.OUTBOX = {**settings.OUTBOX, "PLAIN_HTTP": True}
    owner = User.objects.create_user("owner", is_staff=True)
    httpserver.expect_request("/hook").respond_with_data("thanks")
    made, _ = endpoints.create(
        owner=owner, url=httpserver.url_for("/hook"), event_types=["book.created"]
    )
    return made


@pytest.fixture
def three(endpoint, now):
    """Owe three messages to one endpoint."""
    for _ in range(3):
        add_book(title="T", authors=["A"], now=now)
    sequencer.sequence_all()
    return Delivery.objects.filter(channel="webhooks").order_by("id")


@pytest.fixture
def looks(monkeypatch):
    """Note of how many messages each look was."""
    made, of = [], ready.of

    def noting(endpoint_id, events):
        made.append(len(events))
        return of(endpoint_id, events)

    monkeypatch.setattr(ready, "of", noting)
    return made


def outcomes():
    return list(Attempt.objects.order_by("id").values_list("outcome", flat=True))


def after_the_first(what):
    """Let something happen when the first message has been sent."""

    def listen(name):
        if name == "after_send_before_settle":
            points.listen(None)
            what()

    points.listen(listen)


def test_a_batch_looks_once_and_each_message_is_its_own(
    three, looks, monkeypatch, httpserver
):
    monkeypatch.setattr(ready, "FRESH", 60.0)  # however busy the machine is

    relay.deliver_batch(channel)

    assert looks == [3]
    assert outcomes() == ["ok"] * 3
    sent = [request.get_json()["id"] for request, _ in httpserver.log]
    assert sent == [str(each.event_id) for each in three]


@pytest.mark.parametrize(
    ("fresh", "expected"),
    [(60.0, ["ok"] * 3), (0.0, ["ok", *["endpoint_inactive"] * 2])],
)
def test_who_switches_an_endpoint_off_is_heard_a_moment_later(
    three, monkeypatch, fresh, expected
):
    monkeypatch.setattr(ready, "FRESH", fresh)
    after_the_first(lambda: WebhookEndpoint.objects.update(active=False))

    relay.deliver_batch(channel)

    assert sorted(outcomes()) == sorted(expected)


def test_a_moment_is_short():
    assert ready.FRESH < 1


def test_an_endpoint_that_is_gone_is_sent_nothing_more_of_its_batch(
    three, httpserver, monkeypatch
):
    monkeypatch.setattr(ready, "FRESH", 60.0)
    httpserver.clear()
    httpserver.expect_request("/hook").respond_with_response(Response(status=410))

    relay.deliver_batch(channel)

    assert outcomes() == ["gone", *["endpoint_inactive"] * 2]
    assert len(httpserver.log) == 1


def test_after_a_failure_it_is_asked_again_who_signs(
    three, httpserver, monkeypatch, looks, endpoint
):
    monkeypatch.setattr(ready, "FRESH", 60.0)
    httpserver.clear()
    httpserver.expect_ordered_request("/hook").respond_with_response(
        Response(status=401)
    )
    for _ in range(2):
        httpserver.expect_ordered_request("/hook").respond_with_data("thanks")
    after_the_first(lambda: rotation.rotate(endpoint))

    relay.deliver_batch(channel)

    assert looks == [3, 3]
    signatures = [
        len(request.headers["webhook-signature"].split())
        for request, _ in httpserver.log
    ]
    assert signatures == [1, 2, 2]


def test_a_message_that_is_missing_ends_alone(three, monkeypatch):
    of, missing = ready.of, three[1].event_id

    def without(endpoint_id, events):
        found = of(endpoint_id, events)
        found.messages = {k: v for k, v in found.messages.items() if k != missing}
        return found

    monkeypatch.setattr(ready, "of", without)

    relay.deliver_batch(channel)

    assert sorted(outcomes()) == ["message_missing", "ok", "ok"]


def test_what_never_was_an_endpoint_ends_like_one_that_was_removed(db):
    assert ready.of("shop", []) is None
