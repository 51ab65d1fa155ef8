"""What is there without a login: the front page, the documents, health."""

from __future__ import annotations

import contextlib
import re

import pytest
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from config import health
from tests.api.problems import problem

INSIDE = re.compile(r"""(?:src|href)="([^"]*)\"""")


@pytest.fixture(autouse=True)
def _nothing_known_of_migrations():
    health.check_migrated.cache_clear()


def test_the_front_page_says_what_is_here(anonymous):
    page = anonymous.get("/")

    assert page.status_code == 200
    links = INSIDE.findall(page.content.decode())
    assert set(links) == {
        "/api/v1/docs/",
        "/api/v1/schema/",
        "/admin/",
        "/readyz",
        "/livez",
    }
    for link in links:
        assert anonymous.get(link).status_code in {200, 302}


def test_the_documentation_needs_nobody_elses_server(anonymous):
    page = anonymous.get("/api/v1/docs/").content.decode()

    assert "https://" not in page
    for link in INSIDE.findall(page):
        with contextlib.closing(anonymous.get(link)) as file:
            assert file.status_code == 200, link


def test_the_schema_is_openapi(anonymous):
    answer = anonymous.get("/api/v1/schema/")

    assert answer.status_code == 200
    assert answer.content.startswith(b"openapi: 3.1.0")


def test_a_library_that_can_serve_is_ready(anonymous):
    assert anonymous.get("/livez").json() == {"status": "alive"}
    assert anonymous.get("/readyz").json() == {"status": "ready"}


def test_without_a_database_it_is_alive_but_not_ready(anonymous, monkeypatch):
    def away(*arguments):
        raise OperationalError("connection refused")

    with monkeypatch.context() as patch:
        patch.setattr(connection, "cursor", away)

        problem(anonymous.get("/readyz"), 503, "unavailable")
        assert anonymous.get("/livez").status_code == 200


def test_with_migrations_waiting_it_is_not_ready(anonymous, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(MigrationExecutor, "migration_plan", lambda *_: ["one"])
        problem(anonymous.get("/readyz"), 503, "migrations_waiting")

    assert anonymous.get("/readyz").status_code == 200


def test_readiness_is_cheap_once_it_is_known(anonymous, django_assert_num_queries):
    anonymous.get("/readyz")

    with django_assert_num_queries(1):
        anonymous.get("/readyz")
