"""The rude world: what it answers, and what it says it took."""

from __future__ import annotations

import json
import smtplib
import socket
import subprocess
import sys
import time

import pytest
import requests

from config.demo import ledger, looking
from config.state import CHECKOUT
from tests.chaos import world
from tests.chaos.proxy import reserved_port

PATIENCE = 30
BODY = {"id": "01890000-0000-7000-8000-000000000000", "type": "book.created"}


@pytest.fixture
def outside(tmp_path):
    """Run a world in which every copy meets the same mood; return where it is."""
    kept = {name: reserved_port() for name in ("http", "smtp")}
    ports = {name: each.getsockname()[1] for name, each in kept.items()}
    (tmp_path / "ports.json").write_text(json.dumps(ports))
    (tmp_path / "endpoints.json").write_text("{}")
    started = []

    def start(mood):
        if mood:
            (tmp_path / "rude").touch()
        argv = ["-c", START, mood, str(tmp_path)]
        started.append(subprocess.Popen([sys.executable, *argv], cwd=CHECKOUT))
        ends = time.monotonic() + PATIENCE
        while not (tmp_path / "world.json").exists():
            assert time.monotonic() < ends, "it did not start"
            time.sleep(0.02)
        return ports

    yield start
    for each in started:
        each.terminate()
        assert each.wait(PATIENCE) == 0
    for each in kept.values():
        each.close()


START = """
import sys
from pathlib import Path
from tests.chaos import world
if sys.argv[1]:
    world.MOODS = {sys.argv[1]: 1}
world.main(Path(sys.argv[2]), "seed")
"""


def post(ports):
    """Return the status, or the error there was instead."""
    try:
        url = f"http://127.0.0.1:{ports['http']}/all"
        return requests.post(url, json=BODY, timeout=PATIENCE).status_code
    except requests.ConnectionError:
        return "broken"


def send(ports):
    """Return the code of the answer to the final dot, or that there was none."""
    try:
        with smtplib.SMTP("127.0.0.1", ports["smtp"], timeout=PATIENCE) as call:
            call.sendmail("a@example.org", ["b@example.org"], "Subject: x\n\nText")
    except smtplib.SMTPDataError as error:
        return error.smtp_code
    except (smtplib.SMTPServerDisconnected, ConnectionError):
        return "broken"
    return 250


@pytest.mark.parametrize(
    ("mood", "http", "smtp", "took"),
    [
        ("", 401, 250, True),  # polite: nobody has told it a secret
        (world.TAKES, 401, 250, True),
        (world.REFUSES, 401, 451, False),
        (world.RESETS, "broken", "broken", False),
        (world.TAKES_AND_RESETS, "broken", "broken", True),
        (world.IS_LATE, 401, 250, True),
    ],
)
def test_a_mood_says_what_is_answered_and_what_was_taken(
    outside, tmp_path, mood, http, smtp, took
):
    ports = outside(mood)

    assert (post(ports), send(ports)) == (http, smtp)

    noted = [*ledger.read(tmp_path, ledger.POSTS), *ledger.read(tmp_path, "letters")]
    assert [each["took"] for each in noted] == [took, took]
    assert len(looking.posts(tmp_path)) == len(looking.letters(tmp_path)) == took


def test_a_message_whose_sender_died_in_the_middle_was_never_taken(outside, tmp_path):
    ports = outside("")
    head = b"POST /all HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"

    with socket.create_connection(("127.0.0.1", ports["http"])) as dying:
        dying.sendall(head + b"123")
        dying.shutdown(socket.SHUT_WR)
        assert dying.recv(1000) == b""  # and nothing is answered

    assert ledger.read(tmp_path, ledger.POSTS) == []
    assert post(ports) == 401
    assert len(ledger.read(tmp_path, ledger.POSTS)) == 1


def test_every_mood_is_drawn_and_most_copies_are_taken(tmp_path):
    (tmp_path / "rude").touch()
    moods = world.Moods(tmp_path, "seed")

    drawn = [moods.next() for _ in range(2000)]

    assert {*drawn} == {*world.MOODS}
    assert drawn.count(world.TAKES) > 1600
