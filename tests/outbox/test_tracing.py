"""A client's trace goes on: into the events, and out with their webhooks."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from knox.models import AuthToken
from rest_framework.test import APIClient
from standardwebhooks import Webhook
from werkzeug import Response

from library.catalog.books import add_book
from library.members.models import User
from library.signals import book_borrowed
from outbox import relay, routes, sequencer, tracing
from outbox.channels import signals
from outbox.channels.webhooks import channel, endpoints
from outbox.columns import Now
from outbox.context import acting, current
from outbox.models import Delivery, Event

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GIVEN = f"00-{TRACE}-{SPAN}-01"


def an_id(size):
    return st.integers(1, 16**size - 1).map(f"{{:0{size}x}}".format)


# --- The header -----------------------------------------------------------------


@given(trace=an_id(32), span=an_id(16), flags=st.integers(0, 255))
def test_a_child_keeps_trace_and_sampling_and_has_an_id_of_its_own(trace, span, flags):
    parent = f"00-{trace}-{span}-{flags:02x}"

    child = tracing.child_of(tracing.accepted(parent))

    assert tracing.accepted(child) == child
    version, same_trace, other_span, kept = child.split("-")
    assert (version, same_trace) == ("00", trace)
    assert other_span != span
    assert kept == ("01" if flags % 2 else "00")


@given(st.one_of(st.text(), st.text("0123456789abcdefABCDEF-", max_size=60)))
def test_what_is_no_trace_is_passed_over(text):
    if re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", text):
        return

    assert tracing.accepted(text) == ""
    assert tracing.child_of(text) == ""


@pytest.mark.parametrize(
    "header",
    [
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"01-{TRACE}-{SPAN}-01",
        f"ff-{TRACE}-{SPAN}-01",
        GIVEN.upper(),
        f"{GIVEN}-more",
        f"{GIVEN}\n",
        f" {GIVEN}",
        f"{GIVEN},{GIVEN}",
        f"00-{TRACE[:-1]}٣-{SPAN}-01",
    ],
)
def test_a_malformed_header_is_ignored(header):
    assert tracing.accepted(header) == ""


# --- In at the edge -------------------------------------------------------------


@pytest.fixture
def librarian(db, a_member):
    member_id = a_member()
    User.objects.filter(id=member_id).update(is_staff=True)
    _, token = AuthToken.objects.create(user=User.objects.get(id=member_id))
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    return client


def add(client, **headers):
    book = {"title": "Dune", "authors": ["Frank Herbert"]}
    answer = client.post("/api/v1/books/", book, format="json", headers=headers)
    return answer, Event.objects.order_by("seq").last()


def test_a_requests_trace_is_kept_with_its_events(librarian):
    answer, event = add(librarian, traceparent=GIVEN)

    assert answer.status_code == 201
    assert event.metadata["traceparent"] == GIVEN


def test_a_request_with_a_wrong_trace_is_taken_without_one(librarian):
    answer, event = add(librarian, traceparent=f"00-{'0' * 32}-{SPAN}-01")

    assert answer.status_code == 201
    assert "traceparent" not in event.metadata


def test_the_answer_says_under_which_id_its_events_stand(librarian):
    answer, event = add(librarian)
    again, other = add(librarian)

    assert answer["X-Correlation-ID"] == event.metadata["correlation_id"]
    assert again["X-Correlation-ID"] == other.metadata["correlation_id"]
    assert answer["X-Correlation-ID"] != again["X-Correlation-ID"]


def test_a_clients_own_correlation_id_is_not_taken_over(librarian):
    theirs = "00000000-0000-7000-8000-000000000000"

    answer, event = add(librarian, **{"X-Correlation-ID": theirs})

    assert answer["X-Correlation-ID"] == event.metadata["correlation_id"] != theirs


@pytest.mark.parametrize("path", ["/nothing", "/api/v1/loans/", "/livez"])
def test_every_answer_has_a_correlation_id(db, path):
    assert len(APIClient().get(path)["X-Correlation-ID"]) == 36


# --- Out with a webhook ---------------------------------------------------------


@pytest.fixture
def sent(db, httpserver, settings, now):
    """Record an event in a trace, and return the headers of two attempts."""
    settings.OUTBOX = {**settings.OUTBOX, "PLAIN_HTTP": True}
    owner = User.objects.create_user("owner", is_staff=True)
    _, secret = endpoints.create(
        owner=owner, url=httpserver.url_for("/hook"), event_types=["book.created"]
    )
    statuses = iter([500, 200])
    httpserver.expect_request("/hook").respond_with_handler(
        lambda request: Response(status=next(statuses))
    )

    def send(traceparent):
        with acting(traceparent=traceparent):
            add_book(title="Dune", authors=["Frank Herbert"], now=now)
        sequencer.sequence_all()
        for _ in range(2):
            relay.deliver_batch(channel)
            Delivery.objects.filter(channel="webhooks").update(due_at=Now())
        for request, _ in httpserver.log:
            Webhook(secret).verify(request.data, dict(request.headers))
        return [request.headers for request, _ in httpserver.log]

    return send


def test_each_attempt_goes_on_with_the_trace_under_an_id_of_its_own(sent):
    first, second = (headers["traceparent"] for headers in sent(GIVEN))

    assert first.split("-")[1] == second.split("-")[1] == TRACE
    assert len({first.split("-")[2], second.split("-")[2], SPAN}) == 3
    assert first.endswith("-01")


def test_an_event_outside_any_trace_is_sent_without(sent):
    first, second = sent("")

    assert "traceparent" not in first
    assert "traceparent" not in second


# --- On through a receiver ------------------------------------------------------


def test_what_a_receiver_does_belongs_to_the_same_trace(db, a_loan):
    seen = []

    def receiver(**kwargs):
        seen.append(current())

    book_borrowed.connect(receiver, dispatch_uid="tests.traced")
    try:
        routes.sync_channel(signals)
        with acting(traceparent=GIVEN) as cause:
            a_loan()
        sequencer.sequence_all()
        while relay.deliver_batch(signals):
            pass
    finally:
        book_borrowed.disconnect(dispatch_uid="tests.traced")

    (inside,) = seen
    assert inside.traceparent == GIVEN
    assert inside.correlation_id == cause.correlation_id
