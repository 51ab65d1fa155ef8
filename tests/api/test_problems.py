"""What answers outside of any view, and what went wrong on our side."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from library.catalog import books
from outbox.errors import UnencodableEvent
from tests.api.conftest import Client
from tests.api.problems import problem


def test_django_itself_answers_with_a_problem(db, anonymous):
    problem(anonymous.get("/no/such/page"), 404, "not_found")
    problem(anonymous.get("/", headers={"host": "elsewhere"}), 400, "bad_request")


def test_a_form_without_its_csrf_token(db):
    client = Client()
    client.handler.enforce_csrf_checks = True

    problem(client.post("/admin/login/", {}, format="multipart"), 403, "csrf_failed")


@pytest.mark.parametrize(
    ("raised", "status", "code"),
    [
        (RuntimeError("a secret of ours"), 500, "error"),
        (OperationalError("a secret of ours"), 503, "unavailable"),
        (UnencodableEvent("book.created", "it holds a NUL"), 400, "unencodable"),
    ],
)
def test_what_goes_wrong_below(librarian, monkeypatch, raised, status, code):
    def fails(**arguments):
        raise raised

    monkeypatch.setattr(books, "add_book", fails)

    answer = librarian.post("/api/v1/books/", {"title": "a", "authors": ["b"]})

    assert "secret" not in problem(answer, status, code)["detail"]


def test_what_goes_wrong_in_a_page_of_django(anonymous, monkeypatch):
    def fails(*arguments, **more):
        raise RuntimeError("a secret of ours")

    monkeypatch.setattr("config.home.Home.dispatch", fails)

    assert "secret" not in problem(anonymous.get("/"), 500, "error")["detail"]


def test_everything_wrong_is_said_at_once(librarian):
    answer = librarian.post("/api/v1/books/", {"authors": [""], "year": "soon"})

    found = problem(answer, 400, "validation_error")
    assert {(each["field"], each["code"]) for each in found["errors"]} == {
        ("title", "required"),
        ("authors.0", "blank"),
        ("year", "invalid"),
    }
