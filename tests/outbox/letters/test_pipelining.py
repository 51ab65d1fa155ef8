"""Letters in two turns, where the server takes commands together."""

from __future__ import annotations

import smtplib
import socket
import threading
from contextlib import contextmanager, suppress

import pytest

from outbox.channels.pipelining import Pipelining

PATIENCE = 10
TOGETHER = 3  # commands


def test_a_letter_takes_two_turns_where_commands_are_taken_together(
    receipt, deliver, post_office, monkeypatch
):
    receipt()
    turns, send = [], smtplib.SMTP.send
    monkeypatch.setattr(
        smtplib.SMTP, "send", lambda call, said: turns.append(said) or send(call, said)
    )

    deliver()

    assert len(post_office.received) == 1
    assert len(turns) == 1 + (2 if post_office.pipelining else 4)  # and the greeting


def test_a_line_that_begins_with_a_dot_is_part_of_the_text():
    with server("250 ok\r\n250 ok\r\n354 go on") as (call, heard):
        call.sendmail("desk@example.org", ["aziza@example.org"], b".a\r\nb\r\n..c\r\n")

    assert heard[1 + TOGETHER :][:4] == ["..a", "b", "...c", "."]


def test_a_server_that_wants_a_text_for_nobody_gets_none():
    with (
        server("250 ok\r\n550 nobody\r\n354 go on") as (call, heard),
        pytest.raises(smtplib.SMTPRecipientsRefused),
    ):
        call.sendmail("desk@example.org", ["aziza@example.org"], b"secret\r\n")

    assert heard[1 + TOGETHER :][:2] == [".", "rset"]


def test_who_waits_for_the_go_ahead_is_not_told_of_one_that_is_declined():
    answered = []

    class Listening(Pipelining):
        def getreply(self):
            code, text = super().getreply()
            answered.append(code)
            return code, text

    with (
        server("250 ok\r\n550 nobody\r\n354 go on", Listening) as (call, _),
        pytest.raises(smtplib.SMTPRecipientsRefused),
    ):
        call.sendmail("desk@example.org", ["aziza@example.org"], b"secret\r\n")

    assert 550 in answered
    assert 354 not in answered


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ("421 closing", smtplib.SMTPSenderRefused),
        ("250 ok\r\n421 closing", smtplib.SMTPRecipientsRefused),
        ("421 closing\r\n421 closing\r\n421 closing", smtplib.SMTPSenderRefused),
        ("250 ok\r\n421 closing\r\n421 closing", smtplib.SMTPRecipientsRefused),
        ("250 ok\r\n250 ok\r\n421 closing", smtplib.SMTPDataError),
    ],
)
def test_a_server_that_closes_is_left(answers, error):
    with server(answers) as (call, heard), pytest.raises(error):
        call.sendmail("desk@example.org", ["aziza@example.org"], b"secret\r\n")

    assert call.sock is None
    assert len(heard) == 1 + TOGETHER


def test_an_address_cannot_bring_a_command_along():
    with (
        server("250 ok\r\n250 ok\r\n354 go on") as (call, heard),
        pytest.raises(ValueError, match="another command"),
    ):
        call.sendmail("desk@example.org", ["<>\r\nRCPT TO:<c@d>"], b"secret\r\n")

    assert not [each for each in heard if "RCPT" in each]


@contextmanager
def server(answers, kind=Pipelining):
    """Have a server that gives these answers; yield who calls it, and what it heard."""
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_serve, args=(listening, answers, heard))
        thread.start()
        call = kind(*listening.getsockname(), timeout=PATIENCE)
        try:
            yield call, heard
        finally:
            with suppress(smtplib.SMTPException):
                call.quit()
            call.close()
            thread.join(PATIENCE)


def _serve(listening, answers, heard):
    line, _ = listening.accept()
    with line, line.makefile("rw", newline="\r\n") as spoken:

        def say(said):
            spoken.write(f"{said}\r\n")
            spoken.flush()

        say("220 here")
        for number, each in enumerate(spoken):
            heard.append(each.strip())
            if number == 0:
                say("250-here\r\n250 PIPELINING")
            elif number == TOGETHER:
                say(answers)
                if answers.endswith("421 closing"):
                    return  # and means it: whatever else was asked gets no answer
            elif each.strip() in {".", "rset", "quit"}:
                say("250 ok")
