"""The code of docs/webhooks.md, run as it stands there against what is sent."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest
from standardwebhooks import WebhookVerificationError

from library.members.models import User
from outbox import context, relay, sequencer
from outbox.channels.webhooks import channel, endpoints, keys, rotation, signing

PAGE = (Path(__file__).parents[1] / "docs" / "webhooks.md").read_text()
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NODE = shutil.which("node")


def code(language):
    """Return all of the page's code in a language."""
    return "\n".join(
        re.findall(rf"^```{language}\n(.+?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    )


@pytest.fixture(scope="module")
def page():
    """What the page's Python defines."""
    names = {}
    exec(compile(code("python"), "docs/webhooks.md", "exec"), names)
    return names


@pytest.fixture
def endpoint(db, httpserver, settings):
    settings.OUTBOX = {**settings.OUTBOX, "PLAIN_HTTP": True}
    httpserver.expect_request("/hook").respond_with_data("thanks")
    made, secret = endpoints.create(
        owner=User.objects.create_user("owner", is_staff=True),
        url=httpserver.url_for("/hook"),
        event_types=["book.created"],
        compatible=True,
    )
    made.secret = secret
    return made


@pytest.fixture
def sent(endpoint, httpserver, a_book):
    """Send a message; return its headers and body as they came in."""

    def send():
        with context.acting(traceparent=TRACE):
            a_book()
        sequencer.sequence_all()
        relay.deliver_batch(channel)
        request, _ = httpserver.log[-1]
        return request.headers, request.get_data()

    return send


def test_what_is_sent_is_ours_and_what_was_changed_is_not(page, endpoint, sent):
    secret, (headers, body) = endpoint.secret, sent()

    assert page["verified"](secret, dict(headers), body)["type"] == "book.created"
    assert page["is_ours"](secret, headers, body)
    assert page["is_ours_by_the_older_scheme"](secret, headers, body)
    with pytest.raises(WebhookVerificationError):
        page["verified"](secret, dict(headers), body + b" ")
    assert not page["is_ours"](secret, headers, body + b" ")
    assert not page["is_ours"](keys.new("v1"), headers, body)
    assert not page["is_ours_by_the_older_scheme"](secret, headers, body + b" ")


def test_what_is_signed_with_a_key_pair_is_ours(page, endpoint, sent):
    endpoints.change(endpoint, compatible=False)
    rotation.rotate(endpoint, version="v1a")
    public = endpoint.secrets.get(until=None).public_key
    headers, body = sent()

    assert page["is_ours_by_key"](public, headers, body)
    assert page["is_ours"](endpoint.secret, headers, body)  # during the overlap
    assert not page["is_ours_by_key"](public, headers, body + b" ")


@pytest.mark.parametrize("age", [301, -302])
def test_a_message_of_another_time_is_not_taken(page, age):
    shared, pair = keys.new("v1"), keys.new("v1a")
    then = int(time.time()) - age

    headers = signing.headers([shared, pair], "msg_1", then, b"{}")

    assert not page["is_ours"](shared, headers, b"{}")
    assert not page["is_ours_by_key"](keys.public_of(pair), headers, b"{}")


def test_a_double_does_nothing_and_a_failure_can_come_again(page):
    database = sqlite3.connect(":memory:")
    headers, body, done = {"webhook-id": "msg_1"}, b'{"n": 1}', []

    def fail(message):
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        page["take_in"](database, headers, body, fail)
    for _ in range(2):
        page["take_in"](database, headers, body, done.append)

    assert done == [{"n": 1}]


def test_only_what_is_newer_is_news(page):
    database = sqlite3.connect(":memory:")

    said = [
        page["is_news"](database, {"subject": subject, "version": version})
        for subject, version in [("a", 1), ("a", 3), ("a", 2), ("a", 3), ("b", 1)]
    ]

    assert said == [True, True, False, False, True]


def test_the_page_has_every_header(endpoint, sent):
    headers, _ = sent()

    (arrives,) = re.findall(r"^## What arrives\n(.+?)^## ", PAGE, re.M | re.S)
    told = {name.lower() for name in re.findall(r"^\| `([\w-]+)` \|", arrives, re.M)}

    assert told == {name.lower() for name, _ in headers.items()} - ANYBODYS


ANYBODYS = {"host", "accept-encoding", "content-length"}


@pytest.mark.skipif(not NODE, reason="needs node")
def test_the_javascript_of_the_page_agrees(endpoint, sent):
    endpoints.change(endpoint, compatible=False)
    rotation.rotate(endpoint, version="v1a")
    public = endpoint.secrets.get(until=None).public_key
    headers, body = sent()
    told = {name.lower(): value for name, value in dict(headers).items()}
    given = [endpoint.secret, keys.new("v1"), public, told, body.decode()]

    answers = subprocess.run(
        [NODE, "--eval", f"{code('javascript')}\n{ASK}", json.dumps(given)],
        capture_output=True,
        check=True,
        timeout=60,
    ).stdout

    assert json.loads(answers) == [True, False, False, True, False]


ASK = """
const [secret, other, publicKey, headers, text] = JSON.parse(process.argv[1]);
const [body, changed] = [Buffer.from(text), Buffer.from(text + " ")];
console.log(JSON.stringify([
  isOurs(secret, headers, body),
  isOurs(secret, headers, changed),
  isOurs(other, headers, body),
  isOursByKey(publicKey, headers, body),
  isOursByKey(publicKey, headers, changed),
]));
"""
