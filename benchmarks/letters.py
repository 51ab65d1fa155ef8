"""
Letters: how fast one worker process sends a backlog to one mail server.

A letter is owed for each fact, expanded to its recipient, written from its template
and sent. The limit is a loop over one connection that sends the same bytes with another
Message-ID, and remembers nothing.
"""

from __future__ import annotations

import smtplib
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

from django.utils import timezone

from benchmarks import owing, stage
from benchmarks.figures import Row, round_by_round, row
from benchmarks.sinks import Sink, sink
from library.members import addresses
from library.members.events import UserRegistered
from library.members.letters import welcome
from library.members.models import User
from outbox.channels.messages import compose

LETTERS = 1_000
ROUNDS, QUICK_ROUNDS = 3, 2
MESSAGE_ID = "<bench@library.example>"
SENDER = "desk@library.example"


def rows(*, quick: bool) -> Iterator[Row]:
    """Measure our relay and the bare loop."""
    count = LETTERS // (10 if quick else 1)
    members = [
        User.objects.create_user(
            f"reader-{n}", f"reader-{n}@example.org", first_name="Zebiniso"
        ).id
        for n in range(count)
    ]
    with (
        sink("smtp") as mailbox,
        owing.route("letters", welcome.name, UserRegistered.type),
    ):
        rates = round_by_round(
            QUICK_ROUNDS if quick else ROUNDS,
            {
                "ours": partial(ours, mailbox, members),
                "bare": partial(_bare, mailbox, members),
            },
        )
    yield row(
        "letters, one worker process",
        rates["ours"],
        rates["bare"],
        beside="a bare loop of smtplib on one connection",
        must=0.3,
        reach=0.5,
    )


def ours(mailbox: Sink, members: Sequence[UUID]) -> float:
    """Return how many a second one relay sends."""
    mailbox.forget()
    with (
        tempfile.TemporaryDirectory() as folder,
        stage.relays(
            1,
            Path(folder),
            EMAIL_URL=f"smtp://127.0.0.1:{mailbox.port}",
            LETTERS_FROM=SENDER,
        ),
    ):
        owing.registrations(members)
        return mailbox.rate(len(members))


def _bare(mailbox: Sink, members: Sequence[UUID]) -> float:
    mailbox.forget()
    letter = _letter(members[0])
    with smtplib.SMTP("127.0.0.1", mailbox.port) as server:
        for number in range(len(members)):
            own = letter.replace(MESSAGE_ID, f"<{uuid4().hex}@library.example>")
            server.sendmail(SENDER, f"reader-{number}@example.org", own)
    return mailbox.rate(len(members))


def _letter(member: UUID) -> str:
    event = UserRegistered(member_id=member, registered_at=timezone.now())
    address = addresses.of([str(member)])[str(member)]
    made = compose(welcome, welcome.context(event), address, message_id=MESSAGE_ID)
    return made.message().as_string()
