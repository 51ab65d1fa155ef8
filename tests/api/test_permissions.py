"""Nobody gets in without a login, on any route there is, but for those named here."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from django.urls import URLPattern, get_resolver

OPEN = {
    ("GET", "/"),
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("GET", "/api/v1/schema/"),
    ("GET", "/api/v1/docs/"),
    ("GET", "/letters/unsubscribe/<str:token>/"),  # 404 unless the link is ours
    ("POST", "/letters/unsubscribe/<str:token>/"),
    ("POST", "/api/v1/inbound/<slug:source>/"),  # a signature says who it is
    ("POST", "/api/v1/tokens/"),  # how one gets in: answers 400 to nothing
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def routes(patterns=None, prefix="/"):
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield path
        else:
            yield from routes(pattern.url_patterns, path)


API = sorted(path for path in routes() if not path.startswith("/admin/"))
LIBRARIANS_ONLY = [
    ("POST", "/api/v1/books/"),
    ("PUT", "/api/v1/books/{id}/"),
    ("PATCH", "/api/v1/books/{id}/"),
    ("DELETE", "/api/v1/books/{id}/"),
    ("POST", "/api/v1/branches/"),
    ("PUT", "/api/v1/branches/{id}/"),
    ("GET", "/api/v1/branches/{id}/daily-sheet/"),
    ("POST", "/api/v1/policies/"),
    ("POST", "/api/v1/holds/{id}/move/"),
    ("POST", "/api/v1/fees/{id}/settle/"),
    ("POST", "/api/v1/loans/{id}/due-date/"),
    ("POST", "/api/v1/scans/"),
    ("POST", "/api/v1/copies/"),
    ("DELETE", "/api/v1/copies/{id}/"),
    ("GET", "/api/v1/copies/sought/"),
    ("POST", "/api/v1/copies/{id}/move/"),
    ("POST", "/api/v1/copies/{id}/mark/"),
    ("POST", "/api/v1/copies/{id}/scan/"),
    ("POST", "/api/v1/returns/"),
    ("GET", "/api/v1/transits/"),
    ("POST", "/api/v1/loans/{id}/lost/"),
    ("POST", "/api/v1/loans/{id}/claim-returned/"),
    ("GET", "/api/v1/members/"),
    ("POST", "/api/v1/members/"),
    ("POST", "/api/v1/members/{id}/block/"),
    ("POST", "/api/v1/members/{id}/unblock/"),
    ("POST", "/api/v1/members/{id}/extend/"),
    ("POST", "/api/v1/categories/"),
    ("GET", "/metrics"),
    ("GET", "/api/v1/activity/"),
    ("GET", "/api/v1/webhook-endpoints/"),
    ("POST", "/api/v1/webhook-endpoints/"),
    ("GET", "/api/v1/webhook-endpoints/{id}/"),
    ("PATCH", "/api/v1/webhook-endpoints/{id}/"),
    ("DELETE", "/api/v1/webhook-endpoints/{id}/"),
    ("GET", "/api/v1/webhook-endpoints/{id}/deliveries/"),
    ("POST", "/api/v1/webhook-endpoints/{id}/rotate/"),
    ("GET", "/api/v1/webhook-endpoints/{id}/deliveries/1/"),
    ("POST", "/api/v1/webhook-endpoints/{id}/deliveries/1/resend/"),
    ("GET", "/api/v1/webhook-endpoints/{id}/replays/"),
    ("POST", "/api/v1/webhook-endpoints/{id}/replays/"),
    ("POST", "/api/v1/webhook-endpoints/{id}/ping/"),
]


def filled(path):
    return re.sub(r"<\w+:\w+>", str(uuid4()), re.sub(r"<int:\w+>", "1", path))


def test_the_routes_are_found():
    assert len(API) > 20
    assert "/api/v1/loans/<uuid:loan_id>/return/" in API


@pytest.mark.parametrize("path", API)
def test_nobody_gets_in_without_a_login(anonymous, path):
    for method in METHODS:
        answer = anonymous.generic(method, filled(path))

        if (method, path) in OPEN:
            assert answer.status_code in {200, 400, 404}
        elif path in {path for _, path in OPEN}:
            assert answer.status_code in {401, 405}
        else:
            assert answer.status_code == 401, method
            assert answer["WWW-Authenticate"] == "Token"
        if answer.status_code >= 400:
            assert answer["Content-Type"] == "application/problem+json"


ADMIN = sorted({path for path in routes() if path.startswith("/admin/")})


AT_THE_DOOR = {"/admin/login/", "/admin/logout/", "/admin/jsi18n/"}


def test_the_admin_asks_who_is_there(anonymous):
    for route in ADMIN:
        path = re.sub(r"<[^>]*>", "1", route.partition("(?P")[0])
        if path in AT_THE_DOOR:
            continue
        answer = anonymous.get(path)

        assert answer.status_code == 302, path
        assert answer["Location"].startswith("/admin/"), path


def test_a_reader_does_not_do_a_librarians_work(reader, librarian):
    for method, route in LIBRARIANS_ONLY:
        path = route.format(id=uuid4())

        assert reader.generic(method, path).status_code == 403, (method, route)
        assert librarian.generic(method, path).status_code != 403, (method, route)
