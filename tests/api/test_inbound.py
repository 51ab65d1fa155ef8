"""Messages from outside over HTTP; the first who sends any tells of bounced mail."""

from __future__ import annotations

import io
import json
import time

import pytest
from django.core.management import CommandError, call_command
from django_outbox_pattern.models import Received

from library.members.models import User
from outbox import checks, inbound
from outbox.channels.webhooks import older, signing
from outbox.errors import BrokenSeal
from outbox.models import InboundSecret
from tests.api.problems import problem

BOUNCES = "/api/v1/inbound/bounces/"
CAME_BACK = {"to": ["aziza@example.org"], "bounce": {"type": "Permanent"}}


@pytest.fixture
def secret(db):
    return inbound.add_secret("bounces")


@pytest.fixture
def tell(anonymous, secret):
    """Send a signed message to the source of bounces."""

    def send(data, message_id="msg_1", kind="email.bounced", **more):
        body = json.dumps({"type": kind, "data": data}).encode()
        headers = signing.headers([secret], message_id, int(time.time()), body)
        return anonymous.generic(
            "POST", BOUNCES, body, "application/json", headers=headers | more
        )

    return send


def bounced(member_id):
    return User.objects.get(id=member_id).bounced_at is not None


def test_a_letter_that_came_back_is_the_last_to_its_address(tell, a_member):
    gone, there = a_member("aziza"), a_member("botir")

    answer = tell(CAME_BACK)

    assert (answer.status_code, answer.json()) == (200, {"first": True})
    assert bounced(gone)
    assert not bounced(there)


def test_a_double_is_answered_and_has_no_effect(tell, a_member):
    member_id = a_member("aziza")
    tell(CAME_BACK)
    User.objects.update(bounced_email="", bounced_at=None)

    answer = tell(CAME_BACK)

    assert (answer.status_code, answer.json()) == (200, {"first": False})
    assert not bounced(member_id)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("email.bounced", CAME_BACK | {"bounce": {"type": "Transient"}}),
        ("email.delivered", CAME_BACK),
        ("email.delivered", 5),
    ],
)
def test_what_is_no_lasting_bounce_changes_nothing(tell, a_member, kind, data):
    member_id = a_member("aziza")

    assert tell(data, kind=kind).status_code == 200
    assert not bounced(member_id)


ODD = [None, 5, [], {}, {"bounce": 5}, {"bounce": {"type": "Permanent"}}]
ODD += [CAME_BACK | {"to": to} for to in (5, "a@b", [], [5], [None], ["a"] * 51)]


@pytest.mark.parametrize("data", ODD, ids=str)
def test_a_bounce_of_another_shape_is_a_400(tell, data):
    problem(tell(data), 400, "malformed_message")

    assert not Received.objects.exists()


def test_who_cannot_sign_is_told_so(tell, anonymous):
    signed_by_another = {"webhook-signature": "v1,AAAA"}

    answer = tell(CAME_BACK, **signed_by_another)

    problem(answer, 401, "bad_signature")
    assert answer["WWW-Authenticate"] == "Signature"
    problem(anonymous.post(BOUNCES, CAME_BACK), 400, "malformed_message")


def test_a_source_is_there_when_it_has_a_handler_and_a_secret(anonymous, db):
    problem(anonymous.post("/api/v1/inbound/nobody/", {}), 404, "not_found")
    problem(anonymous.post(BOUNCES, {}), 404, "not_found")

    inbound.add_secret("bounces")

    problem(anonymous.post(BOUNCES, {}), 400, "malformed_message")
    problem(anonymous.get(BOUNCES), 405, "method_not_allowed")


def test_whoever_accepts_no_json_is_answered_in_json(tell):
    assert tell(CAME_BACK, Accept="text/plain").json() == {"first": True}


@pytest.mark.parametrize("length", [256 * 1024 + 1, 1024 * 1024 + 1])
def test_a_large_body_is_a_413(anonymous, secret, length):
    answer = anonymous.generic("POST", BOUNCES, b"x" * length, "application/json")

    problem(answer, 413, "body_too_large")


@pytest.fixture
def an_older_source(settings):
    of = {"handler": "tests.api.test_inbound.note", "scheme": "older"}
    settings.OUTBOX = {**settings.OUTBOX, "SOURCES": {"shop": of}}
    told.clear()


told = []


def note(message):
    told.append((message.consumer, message.type, message.data))


def test_a_source_may_use_the_older_scheme(anonymous, db, an_older_source):
    inbound.add_secret("shop", "agreed upon by telephone")
    headers = older.headers("agreed upon by telephone", "order.paid", b'{"id": 7}')

    answers = [
        anonymous.generic(
            "POST",
            "/api/v1/inbound/shop/",
            b'{"id": 7}',
            "application/json",
            headers=headers,
        ).json()
        for _ in range(2)
    ]

    assert answers == [{"first": True}, {"first": False}]
    assert told == [("shop", "order.paid", {"id": 7})]


# --- secrets


def command(*said):
    out = io.StringIO()
    call_command("inbound", *said, stdout=out)
    return out.getvalue()


def test_a_secret_is_shown_once_and_sealed(db):
    shown = command("bounces", "--new").strip()

    row = InboundSecret.objects.get()
    assert row.opened() == shown
    assert shown.encode() not in bytes(row.sealed)
    assert shown not in command()
    assert "1 secrets, standard, library.members.inbound.bounces" in command()


def test_a_secret_opens_for_its_source_only(secret):
    InboundSecret.objects.update(source="another")

    with pytest.raises(BrokenSeal):
        InboundSecret.objects.get().opened()


def test_a_missing_key_of_ours_is_not_the_senders_fault(tell, secret, settings, caplog):
    settings.SECRET_KEY = "of another host"

    told = problem(tell(CAME_BACK), 503, "unavailable")

    assert "secret-key" not in str(told)
    assert "'secret-key-" in caplog.text
    assert not Received.objects.exists()


def test_secrets_are_replaced_without_a_gap(tell, secret):
    newer = command("bounces", "--new").strip()

    assert inbound.find("bounces").secrets == [newer, secret]
    assert tell(CAME_BACK).status_code == 200
    assert command("bounces", "--keep-newest") == "1 forgotten\n"
    problem(tell(CAME_BACK, "msg_2"), 401, "bad_signature")
    assert newer not in repr(inbound.find("bounces"))


def test_a_partners_own_secret_is_read_from_standard_input(db, monkeypatch, secret):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{secret}\n"))

    assert command("bounces", "--given") == ""
    assert inbound.find("bounces").secrets == [secret, secret]


@pytest.mark.parametrize("given", ["", "short", "whsec_AAAA", "x" * 600])
def test_a_secret_that_cannot_be_is_refused(db, monkeypatch, given):
    monkeypatch.setattr("sys.stdin", io.StringIO(given))

    with pytest.raises(CommandError):
        command("bounces", "--given")
    assert not InboundSecret.objects.exists()


def test_a_secret_is_for_a_source_that_is_configured(db):
    with pytest.raises(CommandError, match="Known: bounces"):
        command("nobody", "--new")


# --- at start


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("shop", {"handler": "library.no.such"}),
        ("shop", {}),
        ("shop", {"handler": "tests.api.test_inbound.note", "scheme": "newer"}),
        ("a/b", {"handler": "tests.api.test_inbound.note"}),
        ("x" * 31, {"handler": "tests.api.test_inbound.note"}),
    ],
)
def test_a_source_that_cannot_be_is_found_at_start(settings, name, said):
    settings.OUTBOX = {**settings.OUTBOX, "SOURCES": {name: said}}

    (found,) = checks.check_wiring()

    assert found.id == "outbox.E006"
    assert name in found.msg
