"""What a line of log carries, and what none does."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import time

import pytest
from django.db.models import F
from rest_framework.test import APIClient
from structlog.contextvars import clear_contextvars, get_contextvars
from structlog.processors import JSONRenderer
from structlog.stdlib import ProcessorFormatter

from library.catalog.books import add_book
from library.members.models import User
from outbox import relay, sequencer
from outbox.channels.contract import DELIVERED, Outcome
from outbox.channels.webhooks import endpoints
from outbox.context import acting
from outbox.ids import new_id
from outbox.models import Delivery, Event, Status

PATIENCE = 40


@pytest.fixture
def lines(settings):
    """Return the lines of log, each an object, as the settings have them written."""
    clear_contextvars()  # a server that was only half asked may have left some
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    said = dict(settings.LOGGING["formatters"]["line"])
    made = said.pop("()")
    assert made is ProcessorFormatter
    said["processors"] = [*said["processors"][:-1], JSONRenderer()]
    handler.setFormatter(made(**said))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    root.setLevel(level)
    root.removeHandler(handler)


# --- An operation ---------------------------------------------------------------


def test_a_line_inside_says_who_acts_and_why(lines):
    causation = new_id()

    with acting(actor="user:7", causation_id=causation) as cause:
        logging.getLogger("test").warning("inside")
    logging.getLogger("test").warning("outside")

    inside, outside = lines()
    assert inside["event"] == "inside"
    assert inside["actor"] == "user:7"
    assert inside["correlation_id"] == str(cause.correlation_id)
    assert inside["causation_id"] == str(causation)
    assert {"actor", "correlation_id", "causation_id"}.isdisjoint(outside)


def test_a_cause_within_another_gives_it_back_afterwards():
    with acting(actor="user:7") as outer:
        with acting(actor="receiver:x", correlation_id=new_id()):
            pass

        assert get_contextvars()["actor"] == "user:7"
        assert get_contextvars()["correlation_id"] == str(outer.correlation_id)
    assert get_contextvars() == {}


def test_djangos_own_line_about_a_request_carries_its_id(db, lines):
    answer = APIClient().get("/nothing/here")

    (line,) = (each for each in lines() if each["logger"] == "django.request")
    assert line["correlation_id"] == answer["X-Correlation-ID"]
    assert get_contextvars() == {}


# --- An attempt -----------------------------------------------------------------


def attempt(outcome=DELIVERED, deliver=None):
    """Record an event, and attempt what is owed of it; return the delivery."""
    event = Event.objects.order_by("seq").last()
    owed = Delivery.objects.create(
        event_id=event.id,
        position=1,
        channel="test",
        destination="one",
        recipient="somebody",
    )

    class Channel:
        NAME = "test"
        DEADLINE = 10.0
        RETRIES = (1, 10)
        IN_TRANSACTION = False
        BATCH = PER_DESTINATION = WORKERS = 5
        GUARDED = False

    Channel.deliver = staticmethod(deliver or (lambda delivery, ends: outcome))
    relay.deliver_batch(Channel)
    return owed, event


def the_attempt(lines):
    (line,) = (each for each in lines() if each["logger"] == "outbox.attempts")
    return line


def test_an_attempt_says_which_delivery_and_of_what(db, a_book, lines):
    a_book()

    owed, event = attempt()

    line = the_attempt(lines)
    assert (line["level"], line["event"]) == ("debug", "delivered")
    assert line["delivery"] == owed.id
    assert line["event_id"] == str(event.id)
    assert (line["channel"], line["destination"]) == ("test", "one")
    assert line["correlation_id"] == event.metadata["correlation_id"]
    assert (line["attempt"], line["outcome"]) == (1, "delivered")
    assert 0 <= line["seconds"] < 10
    assert get_contextvars() == {}


def test_a_failed_attempt_is_a_warning_that_quotes_nobody(db, a_book, lines):
    failed = Outcome(delivered=False, name="http_5xx", answer="words of theirs")
    a_book()

    attempt(failed)

    line = the_attempt(lines)
    assert (line["level"], line["event"]) == ("warning", "not delivered")
    assert line["outcome"] == "http_5xx"
    assert "words of theirs" not in str(lines())
    assert "somebody" not in str(lines())


def test_a_fenced_outcome_is_a_warning(db, a_book, lines):
    def overtaken(delivery, ends):
        Delivery.objects.filter(id=delivery.id).update(claim=F("claim") + 1)
        return DELIVERED

    a_book()

    attempt(deliver=overtaken)

    line = the_attempt(lines)
    assert (line["level"], line["outcome"]) == ("warning", "fenced")


def test_lines_of_what_is_attempted_name_the_delivery_too(db, a_book, lines):
    def deliver(delivery, ends):
        logging.getLogger("a.receiver").info("busy")
        return DELIVERED

    a_book()

    owed, _ = attempt(deliver=deliver)

    (line,) = (each for each in lines() if each["logger"] == "a.receiver")
    assert line["delivery"] == owed.id


# --- A process ------------------------------------------------------------------


def test_a_relay_writes_one_object_a_line_and_says_nothing_private(
    committed_db, httpserver, settings, now, tmp_path
):
    settings.OUTBOX = {**settings.OUTBOX, "PLAIN_HTTP": True}
    httpserver.expect_request("/hidden-path").respond_with_data("their words")
    owner = User.objects.create_user("owner", is_staff=True)
    endpoint, secret = endpoints.create(
        owner=owner,
        url=httpserver.url_for("/hidden-path"),
        event_types=["book.created"],
    )
    add_book(title="Dune", authors=["Frank Herbert"], now=now)
    log = tmp_path / "log"
    more = {"LOG_JSON": "true", "LOG_LEVEL": "DEBUG", "PLAIN_HTTP_WEBHOOKS": "true"}
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "relay", "--no-broker"],
            env={**os.environ, "DATABASE_URL": committed_db, **more},
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
    owed = Delivery.objects.filter(channel="webhooks", status=Status.DELIVERED)
    ends = time.monotonic() + PATIENCE
    while not owed.exists() and time.monotonic() < ends:
        time.sleep(0.05)
    process.terminate()
    process.wait(PATIENCE)

    written = [json.loads(line) for line in log.read_text().splitlines()]
    (line,) = (each for each in written if each["logger"] == "outbox.attempts")
    assert (line["outcome"], line["destination"]) == ("ok", str(endpoint.id))
    for private in ("hidden-path", "their words", "Dune", secret, "owner"):
        assert private not in log.read_text()
    assert sequencer.sequence_all() == 0
