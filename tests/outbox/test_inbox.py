"""Messages from outside: who may send them, and that each has one effect."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.db import connection
from django.test import RequestFactory
from django_outbox_pattern.models import Received

from outbox import inbox
from outbox.channels.webhooks import older, signing
from outbox.signatures import BadSignature, Refused, TooLarge
from tests.threads import at_once

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()
SHARED = "agreed upon by telephone"
DOCUMENT = Path(__file__).parents[2] / "docs" / "receiving.md"
BODY = b'{"type": "invoice.paid", "data": {"id": 7}}'


def a_request(body=BODY, *, message_id="msg_1", at=None, secret=SECRET, **headers):
    """Return a signed request; a header that is None is left out."""
    at = int(time.time()) if at is None else at
    signed = signing.headers([secret], message_id, at, body)
    return asked(body, signed | {k.replace("_", "-"): v for k, v in headers.items()})


def an_older(body=BODY, *, secret=SHARED, kind="invoice.paid", **headers):
    signed = older.headers(secret, kind, body)
    return asked(body, signed | {k.replace("_", "-"): v for k, v in headers.items()})


def asked(body, headers):
    given = {name: value for name, value in headers.items() if value is not None}
    return RequestFactory().post(
        "/", body, content_type="application/json", headers=given
    )


class Handler:
    """Remembers what it was told."""

    def __init__(self, fault=None):
        self.told, self.fault = [], fault

    def __call__(self, message):
        self.told.append(message)
        if self.fault:
            raise self.fault


@pytest.fixture
def handler():
    return Handler()


def take(request, handler, consumer="shop", secrets=(SECRET,), **more):
    return inbox.receive(request, consumer, handler, secrets, **more)


def refusal(request, **more):
    handler = Handler()
    with pytest.raises(Refused) as refused:
        take(request, handler, **more)
    assert handler.told == []
    assert not Received.objects.exists()
    return refused.value.status, refused.value.code


# --- once


def test_a_message_is_handed_over_with_what_it_says(db, handler):
    assert take(a_request(), handler) is True

    (message,) = handler.told
    assert (message.consumer, message.id) == ("shop", "msg_1")
    assert message.type == "invoice.paid"
    assert message.data == json.loads(BODY)
    assert "7" not in repr(message)


def test_a_double_has_no_effect_whatever_it_says(db, handler):
    take(a_request(), handler)

    assert take(a_request(at=int(time.time()) - 100), handler) is False
    assert take(a_request(b'{"type": "another"}'), handler) is False
    assert len(handler.told) == 1


@pytest.mark.parametrize("message_id", ["msg_1", "a" * 255])
def test_two_consumers_may_be_sent_the_same_id(db, handler, message_id):
    assert take(a_request(message_id=message_id), handler, "shop")
    assert take(a_request(message_id=message_id), handler, "post")
    assert len(handler.told) == 2


@pytest.mark.parametrize("length", [95, 96, 255])
def test_ids_are_told_apart_however_long_they_are(db, handler, length):
    one, two = "a" * length, "a" * (length - 1) + "b"

    assert [take(a_request(message_id=each), handler) for each in (one, two)] == [
        True,
        True,
    ]
    assert take(a_request(message_id=one), handler) is False


def test_nothing_of_a_message_is_kept_but_its_id(db, handler):
    take(a_request(), handler)

    row = Received.objects.get()
    assert (row.msg_id, row.body) == ("shop:msg_1", None)
    assert row.headers == {"destination": "shop"}
    assert row.destination == "shop"
    assert row.expires_at.year == 9999  # nobody's clearing-up takes it for old


def test_what_a_handler_fails_at_can_come_again(db, handler):
    with pytest.raises(ZeroDivisionError):
        take(a_request(), Handler(ZeroDivisionError()))

    assert not Received.objects.exists()
    assert take(a_request(), handler) is True


def test_a_handler_can_refuse(db):
    with pytest.raises(Refused, match="no such invoice"):
        take(a_request(), Handler(Refused("no such invoice")))

    assert not Received.objects.exists()


def test_a_value_that_no_column_holds_is_the_senders_fault(db):
    def store(message):
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s::text::integer", ["9" * 20])

    with pytest.raises(Refused, match="cannot be stored"):
        take(a_request(), store)


def test_a_hundred_copies_at_once_have_one_effect(committed_db):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE effect (id text)")

    def count(message):
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO effect VALUES (%s)", [message.id])

    answers = at_once(100, lambda number: take(a_request(), count))

    assert sorted(answers) == [False] * 99 + [True]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM effect")
        assert cursor.fetchone() == (1,)


# --- who may, and what is malformed


def test_any_of_the_secrets_is_good(db, handler):
    assert take(a_request(secret=OTHER), handler, secrets=[SECRET, OTHER])


def test_unknown_signatures_beside_a_good_one_do_no_harm(db, handler):
    good = a_request().headers["webhook-signature"]

    assert take(a_request(webhook_signature=f"v9,zzz , v1,? {good}"), handler)


@pytest.mark.parametrize(
    "make",
    [
        lambda: a_request(secret=OTHER),
        lambda: a_request(at=int(time.time()) - 400),
        lambda: a_request(at=int(time.time()) + 400),
        lambda: a_request(webhook_signature="v1,AAAA"),
        lambda: a_request(webhook_signature=""),
    ],
)
def test_who_is_not_known_is_a_401(db, make):
    assert refusal(make()) == (401, "bad_signature")


@pytest.mark.parametrize(
    "make",
    [
        lambda: a_request(webhook_id=None),
        lambda: a_request(webhook_timestamp=None),
        lambda: a_request(webhook_signature=None),
        lambda: a_request(webhook_id="msg_1,msg_1"),  # came twice
        lambda: a_request(webhook_id="a.b"),
        lambda: a_request(webhook_id="a" * 256),
        lambda: a_request(webhook_timestamp="1614265330,1614265330"),
        lambda: a_request(webhook_timestamp="٣"),
        lambda: a_request(webhook_timestamp="1e9"),
        lambda: a_request(b""),
        lambda: a_request(b"{"),
        lambda: a_request(b"NaN"),
        lambda: a_request(b'"\xff"'),
        lambda: a_request(b"[" * 5000),
        lambda: a_request(rb'{"type": "a\u0000b"}'),
    ],
)
def test_what_is_malformed_is_a_400(db, make):
    assert refusal(make()) == (400, "malformed_message")


def test_text_that_only_speaks_of_a_nul_is_taken(db, handler):
    assert take(a_request(rb'{"type": "a\\u0000b"}'), handler)


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b'"text"', b'{"type": 5}'])
def test_a_message_without_a_type_is_taken_too(db, handler, body):
    assert take(a_request(body), handler)
    assert handler.told[0].type == ""


@pytest.mark.parametrize(("extra", "taken"), [(0, True), (1, False)])
def test_a_body_has_256_kib_at_most(db, handler, extra, taken):
    body = b'"' + b"x" * (inbox.BODY_LIMIT - 2 + extra) + b'"'

    if taken:
        assert take(a_request(body), handler)
    else:
        assert refusal(a_request(body)) == (413, "body_too_large")


def test_a_body_that_says_it_is_too_large_is_not_read(db):
    request = a_request()
    request.META["CONTENT_LENGTH"] = str(inbox.BODY_LIMIT + 1)
    request._stream = None  # reading it would fail

    assert refusal(request) == (413, "body_too_large")


def test_a_message_is_read_only_when_it_is_known_who_sent_it(db):
    assert refusal(a_request(b"{", secret=OTHER)) == (401, "bad_signature")


# --- the older scheme


def test_the_older_scheme_knows_a_message_by_its_body(db, handler):
    of = {"secrets": [SHARED], "scheme": "older"}

    assert take(an_older(), handler, **of) is True
    assert take(an_older(), handler, **of) is False
    assert take(an_older(kind="invoice.cancelled"), handler, **of) is False
    assert take(an_older(BODY + b" "), handler, **of) is True
    assert [message.type for message in handler.told] == ["invoice.paid"] * 2


@pytest.mark.parametrize(
    ("request_", "found"),
    [
        (an_older(secret="another one altogether"), (401, "bad_signature")),
        (an_older(X_Webhook_Signature="0" * 64), (401, "bad_signature")),
        (an_older(X_Webhook_Signature=None), (400, "malformed_message")),
        (an_older(X_Webhook_Signature="0" * 63), (400, "malformed_message")),
        (an_older(X_Event_Type=None), (400, "malformed_message")),
        (an_older(X_Event_Type="a b"), (400, "malformed_message")),
        (a_request(), (400, "malformed_message")),
    ],
)
def test_the_older_scheme_is_checked_as_strictly(db, request_, found):
    assert refusal(request_, secrets=[SHARED], scheme="older") == found


# --- in another project

ANOTHER = """
import sys
import django
from config.environment import database
from django.conf import settings

settings.configure(
    DATABASES={"default": database(sys.argv[1])},
    INSTALLED_APPS=["django_outbox_pattern"],
    ROOT_URLCONF="__main__",
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"],
)
django.setup()

from django.test import Client
from django.urls import path
from outbox import inbox

told = []
urlpatterns = [path("hook/", inbox.view("shop", told.append, [sys.argv[2]]))]

client, body, headers = Client(enforce_csrf_checks=True), *eval(sys.argv[3])
for _ in range(2):
    answer = client.post("/hook/", body, "application/json", headers=headers)
    print(answer.status_code, answer.json())
answer = client.post("/hook/", b"?", "application/json", headers=headers)
print(answer.status_code, answer.json()["code"], client.get("/hook/").status_code)
print(len(told), "outbox" in settings.INSTALLED_APPS)
"""


def test_it_serves_a_django_project_that_has_nothing_else_of_ours(
    committed_db,
):
    headers = signing.headers([SECRET], "msg_1", int(time.time()), BODY)

    ran = subprocess.run(
        [sys.executable, "-c", ANOTHER, committed_db, SECRET, repr((BODY, headers))],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
    )

    assert ran.stdout.splitlines() == [
        "200 {'first': True}",
        "200 {'first': False}",
        "401 bad_signature 405",
        "1 False",
    ]


def test_the_document_of_receiving_has_every_code():
    told = set(re.findall(r"^\| \d+ \| `(\w+)`", DOCUMENT.read_text(), re.MULTILINE))

    assert told == {each.code for each in (Refused, BadSignature, TooLarge)} | {
        "not_found"
    }
    assert f"{inbox.BODY_LIMIT // 1024} KiB" in DOCUMENT.read_text()
    assert f"{signing.TOLERANCE} away" in DOCUMENT.read_text()
