"""The schema is valid, and the API does what it says."""

from __future__ import annotations

import io

import pytest
import schemathesis
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, seed
from hypothesis import settings as hypothesis_settings
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from config.wsgi import application
from library.members.models import User
from outbox import sequencer
from outbox.channels.webhooks import endpoints
from outbox.channels.webhooks.answers import Answer
from outbox.columns import Now
from outbox.models import Delivery, Status

load_all_checks()
SCHEMA = schemathesis.openapi.from_wsgi("/api/v1/schema/", application)
CHECKS = [
    schemathesis.checks.not_a_server_error,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]


def test_the_schema_is_valid():
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=io.StringIO())


def test_every_operation_has_a_name_of_its_own():
    names = [
        each.ok().definition.raw["operationId"] for each in SCHEMA.get_all_operations()
    ]

    assert len(names) == len(set(names)) > 25
    assert {"borrow_copy", "return_copy", "list_books", "log_in"} <= set(names)


def test_the_search_says_how_to_turn_its_pages():
    (search,) = [
        each.ok().definition.raw
        for each in SCHEMA.get_all_operations()
        if each.ok().definition.raw["operationId"] == "search_books"
    ]

    assert {"limit", "offset", "q"} <= {each["name"] for each in search["parameters"]}


@pytest.fixture
def _one_transaction():
    """Keep the test's connection, which a real request would find odd and close."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def _nobody_is_throttled(monkeypatch, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    monkeypatch.setattr("library.members.tokens.TokenList.throttle_classes", [])


@pytest.fixture
def _nobody_is_called(monkeypatch):
    answer = Answer(outcome="http_5xx", status=503, text="no", seconds=0.1)
    monkeypatch.setattr("outbox.delivery_views.ping", lambda endpoint: answer)
    monkeypatch.setattr("outbox.delivery_views.Ping.throttle_classes", [])


@pytest.fixture
def there(librarian, a_book, a_branch, a_copy, a_loan, a_hold):
    """Ids that are there, so that more than 404s is tried."""
    endpoint, _ = endpoints.create(
        owner=User.objects.get(id=librarian.member_id),
        url="https://example.org/hook",
        event_types=["book.*"],
    )
    book_id = a_book()
    sequencer.sequence_all()
    told = Delivery.objects.filter(channel="webhooks")
    told.update(status=Status.DEAD, finished_at=Now())
    return {
        "book_id": str(book_id),
        "delivery_id": told.latest("id").id,
        "branch_id": str(a_branch()),
        "copy_id": str(a_copy()),
        "loan_id": str(a_loan().loan_id),
        "hold_id": str(a_hold(a_loan().book_id).hold_id),
        "member_id": str(librarian.member_id),
        "endpoint_id": str(endpoint.id),
    }


@SCHEMA.parametrize()
@seed(20260302)
@hypothesis_settings(
    max_examples=6,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@pytest.mark.usefixtures(
    "_one_transaction", "_nobody_is_throttled", "_nobody_is_called"
)
def test_the_api_does_what_its_schema_says(case, librarian, there):
    token = librarian._credentials["HTTP_AUTHORIZATION"]
    for given in (case.path_parameters, case.body):
        if isinstance(given, dict):
            given.update({name: there[name] for name in there if name in given})

    case.call_and_validate(headers={"Authorization": token}, checks=CHECKS)
