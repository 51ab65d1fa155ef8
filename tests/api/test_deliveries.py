"""What an endpoint was told, and telling it again, over HTTP."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from standardwebhooks.webhooks import Webhook
from werkzeug import Response

from outbox import duties, relay, sequencer
from outbox.channels.webhooks import channel
from outbox.columns import Now
from outbox.models import (
    Delivery,
    Destination,
    Replay,
    Status,
    WebhookEndpoint,
    WebhookSecret,
)
from tests.api.problems import problem

ENDPOINTS = "/api/v1/webhook-endpoints/"


@pytest.fixture
def endpoint(librarian, httpserver, settings):
    settings.OUTBOX = {**settings.OUTBOX, "PLAIN_HTTP": True}
    wanted = ["book.*", "copy.added"]
    given = {"url": httpserver.url_for("/hook"), "event_types": wanted}
    return librarian.post(ENDPOINTS, given).json()


@pytest.fixture
def told(endpoint, a_book):
    """Tell the endpoint of so many books; return the deliveries, the first first."""

    def tell(count=1, **values):
        before = _owed(endpoint).count()
        for _ in range(count):
            a_book()
        sequencer.sequence_all()
        while relay.deliver_batch(channel):
            pass
        told = list(_owed(endpoint).order_by("id")[before:])
        if values:
            _owed(endpoint).filter(id__in=[each.id for each in told]).update(**values)
        return told

    return tell


def path_of(endpoint, more=""):
    return f"{ENDPOINTS}{endpoint['id']}/{more}"


def _owed(endpoint):
    return Delivery.objects.filter(channel="webhooks", destination=endpoint["id"])


def _ids(answer):
    return [each["id"] for each in answer.json()["results"]]


# --- Lists --------------------------------------------------------------------------


def test_pages_follow_one_another_while_the_list_grows(librarian, endpoint, told):
    deliveries = [each.id for each in told(5)]
    path = path_of(endpoint, "deliveries/")

    first = librarian.get(path, {"limit": 2})
    told()
    second = librarian.get(path, {"limit": 2, "cursor": first.json()["next"]})
    third = librarian.get(path, {"limit": 2, "cursor": second.json()["next"]})

    assert _ids(first) + _ids(second) + _ids(third) == deliveries[::-1]
    assert third.json()["next"] is None


def test_a_page_that_is_just_full_is_the_last(librarian, endpoint, told):
    told(2)

    answer = librarian.get(path_of(endpoint, "deliveries/"), {"limit": 2})

    assert (len(_ids(answer)), answer.json()["next"]) == (2, None)


def test_deliveries_are_filtered(librarian, endpoint, told, a_copy):
    (dead,) = told(status=Status.DEAD)
    (old,) = told(created_at=Now() - timedelta(days=2))
    a_copy()
    told(0)
    path = path_of(endpoint, "deliveries/")
    yesterday = (dead.created_at - timedelta(days=1)).isoformat()

    by_status = librarian.get(path, {"status": "dead"})
    by_type = librarian.get(path, {"event_type": "copy.added"})
    by_time = librarian.get(path, {"since": yesterday, "event_type": "book.created"})

    assert _ids(by_status) == [dead.id]
    assert [each["event_type"] for each in by_type.json()["results"]] == ["copy.added"]
    assert dead.id in _ids(by_time)
    assert old.id not in _ids(by_time)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"status": "lost"}, "invalid_choice"),
        ({"event_type": "no.such"}, "unknown_event_type"),
        ({"since": "yesterday"}, "invalid"),
        ({"cursor": "0"}, "min_value"),
        ({"cursor": "x"}, "invalid"),
        ({"cursor": str(2**63)}, "max_value"),
        ({"limit": "201"}, "max_value"),
        ({"offset": "1"}, "unknown_field"),
    ],
)
def test_a_filter_that_cannot_be_is_refused(librarian, endpoint, given, code):
    answer = librarian.get(path_of(endpoint, "deliveries/"), given)

    (error,) = problem(answer, 400, "validation_error")["errors"]
    assert (error["field"], error["code"]) == (next(iter(given)), code)


def test_a_delivery_is_shown_with_its_message_and_answers(
    librarian, endpoint, told, httpserver
):
    httpserver.expect_request("/hook").respond_with_data("not today", status=503)
    (delivery,) = told()

    shown = librarian.get(path_of(endpoint, f"deliveries/{delivery.id}/")).json()

    ((request, _),) = httpserver.log
    assert shown["body"] == request.get_data(as_text=True)
    (attempt,) = shown["attempts"]
    assert (attempt["http_status"], attempt["answer"]) == (503, "not today")


def test_a_list_shows_the_start_of_a_long_answer_and_the_delivery_all_that_is_kept(
    librarian, endpoint, told, httpserver
):
    said = "no" * 5000
    httpserver.expect_request("/hook").respond_with_data(said, status=503)
    (delivery,) = told()
    path = path_of(endpoint, "deliveries/")

    (listed,) = librarian.get(path).json()["results"]
    shown = librarian.get(f"{path}{delivery.id}/").json()

    assert listed["attempts"][0]["answer"] == said[:500]
    assert shown["attempts"][0]["answer"] == said


# --- Another chance -----------------------------------------------------------------


@pytest.mark.parametrize("status", [Status.DEAD, Status.DELIVERED])
def test_one_delivery_is_sent_again(librarian, endpoint, told, httpserver, status):
    httpserver.expect_request("/hook").respond_with_data("")
    (delivery,) = told(status=status)

    answer = librarian.post(path_of(endpoint, f"deliveries/{delivery.id}/resend/"))

    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    relay.deliver_batch(channel)
    first, second = (request.headers["webhook-id"] for request, _ in httpserver.log)
    assert first == second


def test_what_is_pending_is_not_sent_again(librarian, endpoint, told, httpserver):
    httpserver.expect_request("/hook").respond_with_data("", status=500)
    (delivery,) = told()

    answer = librarian.post(path_of(endpoint, f"deliveries/{delivery.id}/resend/"))

    problem(answer, 409, "delivery_pending")


def test_a_repeat_sends_nothing_again(librarian, endpoint, told):
    (delivery,) = told(status=Status.DEAD)
    path = path_of(endpoint, f"deliveries/{delivery.id}/resend/")
    librarian.keyed(path, {}, "k1")
    _owed(endpoint).update(status=Status.DEAD)

    again = librarian.keyed(path, {}, "k1")

    assert (again.status_code, again.json()["status"]) == (202, "dead")


def test_what_has_failed_is_replayed_in_the_background(librarian, endpoint, told):
    long_ago = Now() - timedelta(days=9)
    told(2, status=Status.DEAD, finished_at=Now())
    told(status=Status.DEAD, finished_at=long_ago)
    since = (Delivery.objects.first().created_at - timedelta(days=1)).isoformat()
    path = path_of(endpoint, "replays/")

    ordered = librarian.post(path, {"since": since, "event_type": "book.created"})
    duties.Duties(lambda: False)()

    assert (ordered.status_code, ordered.json()["finished_at"]) == (202, None)
    (shown,) = librarian.get(path).json()["results"]
    assert (shown["id"], shown["replayed"]) == (ordered.json()["id"], 2)
    assert shown["finished_at"]
    assert _owed(endpoint).filter(status=Status.PENDING).count() == 2


def test_a_replay_is_of_one_endpoint(librarian, endpoint, told):
    (delivery,) = told(status=Status.DEAD, finished_at=Now())
    given = {"url": "https://example.org/other", "event_types": ["*"]}
    other = librarian.post(ENDPOINTS, given).json()

    path = path_of(other, "replays/")
    librarian.post(path, {"since": "2020-01-01T00:00:00Z"})
    duties.Duties(lambda: False)()

    delivery.refresh_from_db()
    assert Replay.objects.get().finished_at
    assert delivery.status != Status.PENDING
    assert librarian.get(path_of(endpoint, "replays/")).json()["count"] == 0


@pytest.mark.parametrize("more", ["replays/", "deliveries/{}/resend/"])
def test_an_endpoint_that_is_off_is_switched_on_first(librarian, endpoint, told, more):
    (delivery,) = told(status=Status.DEAD)
    librarian.patch(path_of(endpoint), {"active": False})
    given = {"since": "2020-01-01T00:00:00Z"} if more == "replays/" else {}

    answer = librarian.post(path_of(endpoint, more.format(delivery.id)), given)

    problem(answer, 409, "endpoint_off")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "required"),
        ({"since": "2020-01-01T00:00:00Z", "event_type": "x"}, "unknown_event_type"),
        ({"since": "2020-01-01T00:00:00Z", "until": "now"}, "unknown_field"),
    ],
)
def test_a_replay_that_cannot_be_is_refused(librarian, endpoint, given, code):
    answer = librarian.post(path_of(endpoint, "replays/"), given)

    (error,) = problem(answer, 400, "validation_error")["errors"]
    assert error["code"] == code


# --- Pinging ------------------------------------------------------------------------


def test_a_ping_is_signed_as_all_is_and_its_answer_shown(
    librarian, endpoint, httpserver
):
    httpserver.expect_request("/hook").respond_with_data("no tea", status=418)

    shown = librarian.post(path_of(endpoint, "ping/")).json()

    assert shown.pop("seconds") > 0
    assert shown == {
        "delivered": False,
        "outcome": "http_4xx",
        "http_status": 418,
        "answer": "no tea",
    }
    ((request, _),) = httpserver.log
    body = request.get_data(as_text=True)
    said = Webhook(endpoint["secret"]).verify(body, dict(request.headers))
    assert (said["type"], said["subject"]) == ("ping", f"endpoint:{endpoint['id']}")
    assert not Delivery.objects.filter(channel="webhooks").exists()


def test_no_transaction_is_open_while_a_ping_is_under_way(
    committed_db, a_librarian, httpserver, settings
):
    settings.OUTBOX = {**settings.OUTBOX, "PLAIN_HTTP": True}
    found = []

    def look(request):  # in a thread, and on a connection, of its own
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid() "
                "AND xact_start IS NOT NULL AND backend_type = 'client backend'"
            )
            found.extend(cursor.fetchone())
        connection.close()
        return Response()

    httpserver.expect_request("/hook").respond_with_handler(look)
    librarian = a_librarian()
    given = {"url": httpserver.url_for("/hook"), "event_types": ["*"]}
    endpoint = librarian.post(ENDPOINTS, given).json()

    librarian.post(path_of(endpoint, "ping/"))

    assert found == [0]


def test_a_ping_that_cannot_be_signed_is_not_the_clients_fault(librarian, endpoint):
    WebhookSecret.objects.update(sealed=b"none of our keys:" + b"x" * 40)

    answer = librarian.post(path_of(endpoint, "ping/"))

    problem(answer, 503, "unavailable")


def test_so_many_pings_and_no_more(librarian, endpoint, httpserver):
    httpserver.expect_request("/hook").respond_with_data("")

    answers = [librarian.post(path_of(endpoint, "ping/")) for _ in range(11)]

    assert [each.status_code for each in answers] == [200] * 10 + [429]
    assert len(httpserver.log) == 10


def test_an_endpoint_that_is_off_can_be_pinged(librarian, endpoint, httpserver):
    httpserver.expect_request("/hook").respond_with_data("")
    librarian.patch(path_of(endpoint), {"active": False})

    assert librarian.post(path_of(endpoint, "ping/")).json()["delivered"]


# --- Terms --------------------------------------------------------------------------


def test_what_a_paused_endpoint_is_owed_waits(librarian, endpoint, told, httpserver):
    httpserver.expect_request("/hook").respond_with_data("")

    paused = librarian.patch(path_of(endpoint), {"paused": True})
    (waiting,) = told()
    librarian.patch(path_of(endpoint), {"paused": False})
    relay.deliver_batch(channel)

    assert paused.json()["paused"]
    assert waiting.status == Status.PENDING
    assert _owed(endpoint).get().status == Status.DELIVERED


def test_what_an_endpoint_is_owed_ends_when_it_is_switched_off_paused_or_not(
    librarian, endpoint, told
):
    librarian.patch(path_of(endpoint), {"paused": True})
    told()

    shown = librarian.patch(path_of(endpoint), {"active": False}).json()
    relay.deliver_batch(channel)

    assert not shown["paused"]
    assert _owed(endpoint).get().error.startswith("endpoint_inactive")


def test_limits_are_set_and_lifted(librarian, endpoint):
    path = path_of(endpoint)

    limited = librarian.patch(path, {"per_second": 2.5, "at_once": 1}).json()
    Destination.objects.update(not_before=Now() + timedelta(hours=1))
    lifted = librarian.patch(path, {"per_second": None, "at_once": None}).json()

    assert (limited["per_second"], limited["at_once"]) == (2.5, 1)
    assert (lifted["per_second"], lifted["at_once"]) == (None, None)
    assert Destination.objects.get().not_before is None


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"per_second": 0}, "min_value"),
        ({"per_second": 1001}, "max_value"),
        ({"at_once": 0}, "min_value"),
        ({"at_once": 4}, "max_value"),
        ({"paused": None}, "null"),
    ],
)
def test_a_limit_that_cannot_be_is_refused(librarian, endpoint, given, code):
    answer = librarian.patch(path_of(endpoint), given)

    (error,) = problem(answer, 400, "validation_error")["errors"]
    assert (error["field"], error["code"]) == (next(iter(given)), code)


def test_how_an_endpoint_has_been_answering_is_shown(
    librarian, endpoint, told, httpserver
):
    httpserver.expect_request("/hook").respond_with_data("", status=500)
    told(2)

    shown = librarian.get(path_of(endpoint)).json()

    assert shown["failures"] == 2
    assert shown["failing_since"]
    assert librarian.get(ENDPOINTS).json()["results"] == [shown]


# --- Whose --------------------------------------------------------------------------


def test_what_another_is_told_is_not_there(a_librarian, endpoint, told):
    (delivery,) = told(status=Status.DEAD)
    other = a_librarian()
    since = {"since": "2020-01-01T00:00:00Z"}

    for answer in (
        other.get(path_of(endpoint, "deliveries/")),
        other.get(path_of(endpoint, f"deliveries/{delivery.id}/")),
        other.post(path_of(endpoint, f"deliveries/{delivery.id}/resend/")),
        other.get(path_of(endpoint, "replays/")),
        other.post(path_of(endpoint, "replays/"), since),
        other.post(path_of(endpoint, "ping/")),
    ):
        problem(answer, 404, "not_found")
    assert not Replay.objects.exists()


@pytest.mark.parametrize("more", ["", "resend/"])
def test_a_delivery_is_found_under_its_own_endpoint_only(
    a_librarian, endpoint, told, more
):
    (delivery,) = told(status=Status.DEAD)
    other = a_librarian()
    given = {"url": "https://example.org/other", "event_types": ["*"]}
    own = other.post(ENDPOINTS, given).json()
    ask = other.post if more else other.get

    for number in (delivery.id, 2**70):
        answer = ask(path_of(own, f"deliveries/{number}/{more}"))
        problem(answer, 404, "not_found")
    assert WebhookEndpoint.objects.count() == 2


def test_a_repeat_shows_nothing_of_an_endpoint_that_is_gone(librarian, endpoint, told):
    (delivery,) = told(status=Status.DEAD)
    path = path_of(endpoint, f"deliveries/{delivery.id}/resend/")
    librarian.keyed(path, {}, "k1")

    librarian.delete(path_of(endpoint))

    problem(librarian.keyed(path, {}, "k1"), 404, "not_found")
