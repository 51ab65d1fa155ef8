"""
Whatever a client sends is the client's fault: 4xx, a problem, and nothing done.

Each test sweeps over many inputs with one client, and names all that got through.
"""

from __future__ import annotations

import io
import itertools
import json
from uuid import uuid4

import pytest
from rest_framework.exceptions import ParseError

from outbox.api.given import JsonBody
from outbox.models import Event
from tests.api.problems import problem

POSTS = [
    "/api/v1/tokens/",
    "/api/v1/books/",
    "/api/v1/copies/",
    "/api/v1/members/",
    "/api/v1/loans/",
    "/api/v1/webhook-endpoints/",
]
BODIES = {
    "nothing": b"",
    "no JSON": b"{",
    "two values": b"{} {}",
    "a number": b"1",
    "a huge number": b"9" * 400,
    "infinity": b"1e999",
    "NaN": b"NaN",
    "null": b"null",
    "a list": b"[1]",
    "a text": b'"a"',
    "deep": b"[" * 100_000,
    "33 levels": b'{"title": ' + b"[" * 32 + b"]" * 32 + b"}",
    "deep in a field": b'{"title": ' + b"[" * 900 + b"]" * 900 + b"}",
    "not UTF-8": b'{"title": "\xff"}',
    "UTF-16": '{"title": "a"}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a lone surrogate for a name": b'{"\\ud800": 1}',
    "an unknown field": b'{"unknown": 1}',
    "NUL for a name": b'{"\\u0000": 1}',
}
WELL_FORMED = {
    "/api/v1/books/": {
        "title": "a",
        "authors": ["a"],
        "isbn": "",
        "language": "",
        "year": 1,
    },
    "/api/v1/copies/": {"book_id": str(uuid4()), "barcode": "a"},
    "/api/v1/members/": {
        "username": "zulfiya",
        "email": "",
        "password": None,
        "first_name": "",
        "last_name": "",
        "card_barcode": None,
        "category": "reader",
        "language": "en",
    },
    "/api/v1/loans/": {"copy_id": str(uuid4()), "member_id": str(uuid4())},
    "/api/v1/webhook-endpoints/": {
        "url": "https://example.org/",
        "event_types": ["book.*"],
        "ordered": False,
        "scheme": "v1",
        "compatible": False,
    },
    "/api/v1/tokens/": {"username": "a", "password": "b"},
}
VALUES = {
    "NUL": "a\0b",
    "a lone surrogate": "a\ud800",
    "an object": {"a": 1},
    "nested lists": [[["a"]]],
    "NUL in a list": ["\0"],
    "a surrogate in a list": ["\ud800"],
    "a huge number": 10**40,
    "beyond a small integer": 40_000,
    "a fraction": 0.5,
    "true": True,
    "long": "a" * 20_000,
    "a long list": ["a"] * 5_000,
}


def send(client, path, body, content_type="application/json", method="POST", **more):
    return client.generic(method, path, body, content_type, **more)


def refused(response):
    """Tell whether this is the client's fault, said as a problem."""
    return (
        400 <= response.status_code < 500
        and response["Content-Type"] == "application/problem+json"
        and bool(json.loads(response.content)["code"])
    )


def served_or_refused(response):
    return response.status_code < 400 or refused(response)


@pytest.mark.parametrize("path", POSTS)
def test_a_body_that_is_none(librarian, path):
    before = Event.objects.count()

    taken = [
        name
        for name, body in BODIES.items()
        if not refused(send(librarian, path, body))
    ]

    assert taken == []
    assert Event.objects.count() == before


@pytest.mark.parametrize("path", WELL_FORMED)
def test_a_value_of_a_wrong_kind(librarian, settings, path):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

    failed = [
        (field, name)
        for field, (name, value) in itertools.product(WELL_FORMED[path], VALUES.items())
        if not served_or_refused(
            send(librarian, path, json.dumps(WELL_FORMED[path] | {field: value}))
        )
    ]

    assert failed == []


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_correction_of_a_wrong_kind(librarian, a_book, method):
    path = f"/api/v1/books/{a_book()}/"
    said = WELL_FORMED["/api/v1/books/"]

    failed = [
        (field, name)
        for field, (name, value) in itertools.product(said, VALUES.items())
        if not served_or_refused(
            send(librarian, path, json.dumps(said | {field: value}), method=method)
        )
    ]

    assert failed == []


@pytest.mark.parametrize("field", ["language", "muted", "category"])
def test_a_wish_of_a_wrong_kind(librarian, field):
    taken = [
        name
        for name, value in VALUES.items()
        if not refused(
            send(
                librarian,
                "/api/v1/members/me/",
                json.dumps({field: value}),
                method="PATCH",
            )
        )
    ]

    assert taken == []


PATHS = [
    "/api/v1/books/{}/",
    "/api/v1/copies/{}/",
    "/api/v1/members/{}/",
    "/api/v1/loans/{}/",
    "/api/v1/webhook-endpoints/{}/",
    "/api/v1/webhook-endpoints/{}/deliveries/",
    "/api/v1/webhook-endpoints/{}/deliveries/1/",
    "/api/v1/webhook-endpoints/{}/replays/",
    "/api/v1/books/{}/availability/",
    "/{}",
]
IDS = ["1", "none", "%ff", "%ED%A0%80", "a" * 3_000, "%2e%2e", "é"]


@pytest.mark.parametrize("path", PATHS)
def test_an_id_that_is_none(librarian, path):
    for bad in IDS:
        problem(librarian.get(path.format(bad)), 404, "not_found")
    problem(librarian.get(path.format("%00")), 400, "bad_request")


LISTS = [
    "/api/v1/books/",
    "/api/v1/copies/",
    "/api/v1/members/",
    "/api/v1/loans/",
    "/api/v1/loans/overdue/",
    "/api/v1/members/me/shelf/",
    "/api/v1/webhook-endpoints/",
]
QUERIES = [
    "title=%00",
    "%00=1",
    "limit=%00",
    "limit=1e5",
    "offset=99999999999999999999999",
    "book=1",
    "member=x",
    "open=maybe",
    "returned=2",
    "unknown=1",
    "format=api",
]


@pytest.mark.parametrize("path", LISTS)
def test_a_query_that_is_none(librarian, path):
    taken = [
        query
        for query in QUERIES
        if not refused(librarian.generic("GET", f"{path}?{query}"))
    ]

    assert taken == []


def test_an_odd_title_is_still_a_title(librarian):
    answer = librarian.generic("GET", "/api/v1/books/?title=%ED%A0%80&author=%ff")

    assert answer.status_code == 200


HEADERS = [
    {"Authorization": "Token \0"},
    {"Authorization": "Token \xff\xfe"},
    {"Authorization": "Basic !!!"},
    {"Accept": "text/html"},
    {"Accept": "application/json; q*=nonsense''a"},
    {"Accept": "," * 5_000},
    {"Accept-Language": "x" * 5_000},
    {"Accept-Language": "\0"},
    {"Idempotency-Key": "\0"},
    {"Cookie": "sessionid=\0aaaaaaaaaaaa"},
    {"Cookie": 'sessionid="\\000aaaaaaaaaaaa"'},
    {"Cookie": "sessionid=" + "a" * 5_000},
    {"Host": "elsewhere.example"},
    {"Host": "\0"},
    {"X-Forwarded-For": "\0"},
]


@pytest.mark.parametrize("path", ["/api/v1/books/", "/", "/readyz", "/admin/"])
def test_an_odd_header(librarian, path):
    failed = [
        header
        for header in HEADERS
        if not served_or_refused(librarian.get(path, headers=header))
    ]

    assert failed == []


@pytest.mark.parametrize("path", ["/api/v1/schema/", "/api/v1/docs/"])
def test_an_odd_query_to_the_documents(anonymous, path):
    queries = ["version=%0a", "version=1", "lang=%0a", "lang=../..", "lang=%00"]

    failed = [
        query
        for query in queries
        if not served_or_refused(anonymous.generic("GET", f"{path}?{query}"))
    ]

    assert failed == []


@pytest.mark.parametrize(
    "path", ["/api/v1/books/", "/api/v1/loans/{id}/return/", "/api/v1/tokens/"]
)
def test_a_body_of_another_type(librarian, a_loan, path):
    path = path.format(id=a_loan().loan_id)

    for content_type in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "x",
    ):
        answer = send(librarian, path, "title=a", content_type)
        problem(answer, 415, "unsupported_media_type")


def test_a_method_there_is_not(librarian):
    for method, path in itertools.product(
        ("PUT", "OPTIONS", "TRACE", "FOO"), ("/api/v1/books/", "/", "/readyz")
    ):
        answer = librarian.generic(method, path)
        problem(answer, 405, "method_not_allowed")
        assert "GET" in answer["Allow"]


@pytest.mark.parametrize(
    ("size", "status"), [(1024 * 1024, 400), (1024 * 1024 + 1, 413)]
)
@pytest.mark.parametrize("path", ["/api/v1/books/", "/api/v1/tokens/"])
def test_a_body_over_the_limit(librarian, path, size, status):
    answer = send(librarian, path, b" " * size)

    problem(answer, status, "body_too_large" if status == 413 else "parse_error")


def test_a_form_over_the_limit(anonymous):
    answer = anonymous.generic(
        "POST",
        "/admin/login/",
        b"username=" + b"a" * 1024 * 1024,
        "application/x-www-form-urlencoded",
    )

    problem(answer, 413, "body_too_large")


@pytest.mark.parametrize(("levels", "refused"), [(32, False), (33, True)])
def test_a_body_may_be_so_deep_and_no_deeper(levels, refused):
    stream = io.BytesIO(b"[" * levels + b"1" + b"]" * levels)

    if refused:
        with pytest.raises(ParseError, match="32 levels deep"):
            JsonBody().parse(stream)
    else:
        assert JsonBody().parse(stream)
