"""Children that die, and a world that notes what it is told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_httpserver import HTTPServer

from library.members.models import User
from library.signals import book_borrowed, book_created, book_returned
from outbox import claims, front, routes
from outbox.channels.registry import channels
from outbox.channels.webhooks import endpoints
from tests.faults.forks import Fork
from tests.faults.world import World, leave_a_row


@pytest.fixture(autouse=True)
def looking_everywhere(monkeypatch):
    """Let each claim see what has just become due by our own hand."""
    monkeypatch.setattr(front, "PART", 0)


@pytest.fixture
def a_fork(committed_db):
    """Start children on the test's database; none is left afterwards."""
    started = []

    def start(work, at=""):
        started.append(Fork(work, at))
        return started[-1]

    yield start
    for each in started:
        each.end()


@pytest.fixture
def staff(committed_db):
    """Return somebody who may own endpoints."""
    return User.objects.create_user(
        "owner", email="owner@example.org", is_staff=True, is_active=True
    )


@pytest.fixture
def an_endpoint(staff, settings):
    """Have everything told to a URL."""
    settings.OUTBOX = {**settings.OUTBOX, "PLAIN_HTTP": True}

    def make(url, event_types=("*",)):
        endpoint, _ = endpoints.create(owner=staff, url=url, event_types=event_types)
        return endpoint

    return make


@pytest.fixture
def receiver():
    """Run a web server that one silent caller does not keep from the others."""
    with HTTPServer(threaded=True) as server:
        yield server


@pytest.fixture
def world(committed_db, an_endpoint, receiver, smtp_sink):
    """Connect a webhook, a post office and a receiver to the relay."""
    made = World(smtp_sink)
    receiver.expect_request("/hook").respond_with_handler(made.take)
    an_endpoint(receiver.url_for("/hook"))
    signals = (book_created, book_borrowed, book_returned)
    for signal in signals:
        signal.connect(leave_a_row, dispatch_uid="faults.leave_a_row")
    routes.sync()
    yield made
    for signal in signals:
        signal.disconnect(dispatch_uid="faults.leave_a_row")


@pytest.fixture
def hurried(monkeypatch):
    """Make leases two seconds long, and attempts one."""
    monkeypatch.setattr(claims, "LEASE", timedelta(seconds=2))
    for channel in channels().values():
        monkeypatch.setattr(channel, "DEADLINE", 1.0)
