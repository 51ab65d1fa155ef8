"""One borrow, from the request to everyone who hears of it."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.contrib.auth.models import Group
from rest_framework.test import APIClient
from standardwebhooks import Webhook

from library.catalog import books, copies
from library.members import users
from library.members.models import User
from library.signals import book_borrowed
from outbox import relay, routes, sequencer
from outbox.channels.registry import channels
from outbox.models import Attempt, Delivery, Event, Status
from projections import feed
from projections.models import Availability, DueLoan

PASSWORD = "a long and quiet afternoon"


def logged_in(username):
    """Return a client that sends the token of somebody who has logged in."""
    client = APIClient()
    answer = client.post(
        "/api/v1/tokens/", {"username": username, "password": PASSWORD}
    )
    assert answer.status_code == 201, answer.content
    client.credentials(HTTP_AUTHORIZATION=f"Token {answer.json()['token']}")
    return client


def pass_on():
    """Do by hand what relays do all the time, until nothing is owed any more."""
    routes.sync()
    while sequencer.sequence_all() + sum(map(relay.deliver_batch, channels().values())):
        pass
    feed.catch_up_all()


@pytest.fixture
def reader(committed_db, now):
    users.register_member(
        username="aziza",
        first_name="Aziza",
        email="aziza@example.org",
        password=PASSWORD,
        now=now,
    )
    return logged_in("aziza")


@pytest.fixture
def librarian(committed_db):
    client = APIClient()
    client.force_authenticate(
        User.objects.create_user("desk", "desk@example.org", is_staff=True)
    )
    return client


@pytest.fixture
def a_copy_id(committed_db, now):
    book = books.add_book(title="Oʻtkan kunlar", authors=["Abdulla Qodiriy"], now=now)
    return copies.add_copy(book_id=book.book_id, barcode="C1", now=now).copy_id


@pytest.fixture
def a_secret(librarian, httpserver, settings):
    """Have borrows told to a URL; return the secret that signs for it."""
    settings.OUTBOX = {**settings.OUTBOX, "PLAIN_HTTP": True}
    httpserver.expect_request("/hook", method="POST").respond_with_data("thanks")
    answer = librarian.post(
        "/api/v1/webhook-endpoints/",
        {"url": httpserver.url_for("/hook"), "event_types": ["book.borrowed"]},
    )
    assert answer.status_code == 201, answer.content
    return answer.json()["secret"]


@pytest.fixture
def thanked(committed_db):
    """Connect a receiver that makes a row for each borrow; return what it heard."""
    heard = []

    def thank(sender, event, book, user, **kwargs):
        heard.append((event, book.title, user.username))
        Group.objects.create(name=f"thanks for {event.loan_id}")

    book_borrowed.connect(thank, dispatch_uid="whole_house.thank", weak=False)
    yield heard
    book_borrowed.disconnect(dispatch_uid="whole_house.thank")


def test_one_borrow_reaches_everyone_who_hears_of_it_once(
    reader, a_copy_id, a_secret, thanked, smtp_sink, httpserver
):
    pass_on()  # what came before the borrow
    smtp_sink.messages.clear()

    request = {"path": "/api/v1/loans/", "data": {"copy_id": str(a_copy_id)}}
    first = reader.post(**request, HTTP_IDEMPOTENCY_KEY="one visit")
    again = reader.post(**request, HTTP_IDEMPOTENCY_KEY="one visit")
    pass_on()
    pass_on()

    # The request was answered with the loan, and its repeat with the same one.
    assert first.status_code == 201, first.content
    loan = first.json()
    assert (again.status_code, again.json()) == (201, loan)
    assert loan["title"] == "Oʻtkan kunlar"

    # One fact, with the reader as its actor.
    fact = Event.objects.get(type="book.borrowed")
    assert fact.data["loan_id"] == loan["id"]
    assert fact.metadata["actor"] == f"user:{loan['member_id']}"
    assert first.headers["Consistency-Token"] == str(fact.id)

    # The receiver in this process, with the rows it concerns; and its effect.
    ((event, title, username),) = thanked
    assert (str(event.loan_id), title, username) == (loan["id"], loan["title"], "aziza")
    assert Group.objects.get().name == f"thanks for {loan['id']}"

    # The webhook, as an independent implementation verifies it.
    ((post, _),) = httpserver.log
    message = Webhook(a_secret).verify(post.data, dict(post.headers))
    assert message["type"] == "book.borrowed"
    assert message["id"] == str(fact.id)
    assert message["data"] == fact.data
    assert post.headers["webhook-id"] == f"msg_{fact.id.hex}"
    assert b"aziza" not in post.data.lower()

    # The letter, under the Message-ID that was stored before it was sent.
    (letter,) = smtp_sink.messages
    delivery = Delivery.objects.get(channel="emails", event_id=fact.id)
    assert smtp_sink.recipients[-1] == ("aziza@example.org",)
    assert letter["Message-ID"] == delivery.message_id
    assert "Oʻtkan kunlar" in letter.get_body(("plain",)).get_content()

    # The read models, asked as a reader asks them.
    (on_shelf,) = reader.get("/api/v1/members/me/shelf/").json()["results"]
    assert (on_shelf["loan_id"], on_shelf["title"]) == (loan["id"], loan["title"])
    assert DueLoan.objects.get().due_at == datetime.fromisoformat(loan["due_at"])
    stock = Availability.objects.get()
    assert (stock.copies, stock.available) == (1, 0)

    # Nothing is owed any more, and nothing was tried twice.
    told = Delivery.objects.filter(event_id=fact.id)
    assert sorted(told.values_list("channel", "status")) == [
        (channel, Status.DELIVERED)
        for channel in ("emails", "letters", "signals", "webhooks")
    ]
    assert Attempt.objects.filter(delivery__in=told).count() == 4
