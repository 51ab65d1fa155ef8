"""
A rude world: it refuses, resets, is late, and hangs up after the final dot.

    python -m tests.chaos.world FOLDER SEED

It listens where `ports.json` says, so that it can be killed and come back. As long
as there is a file `rude` it draws a mood for every copy; the ledger says whether it
took the copy, before anything is answered.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import socket
import struct
import sys
import threading
import time
from contextlib import suppress
from email.parser import BytesHeaderParser
from pathlib import Path

import orjson
from aiosmtpd.smtp import SMTP

from config.demo import world

LATE = 1.6  # seconds: after the drill's deadline of 1 s
TAKES, REFUSES, RESETS, TAKES_AND_RESETS, IS_LATE = (
    *("takes", "refuses", "resets", "takes and resets"),
    "is late",
)
MOODS = {TAKES: 900, REFUSES: 40, RESETS: 20, TAKES_AND_RESETS: 20, IS_LATE: 20}
TOOK = frozenset({TAKES, TAKES_AND_RESETS, IS_LATE})


class Moods:
    """Draws how each copy is received."""

    def __init__(self, folder: Path, seed: str) -> None:
        self._rude = folder / "rude"
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def next(self) -> str:
        """Return the mood for the next copy."""
        if not self._rude.exists():
            return TAKES
        with self._lock:
            (mood,) = self._random.choices([*MOODS], [*MOODS.values()])
        return mood


class Receiver(world.Receiver):
    """Other people's endpoints, on a port that is kept for them."""

    allow_reuse_port = True

    def __init__(self, folder: Path, port: int, moods: Moods) -> None:
        super().__init__(folder, port, Handler)
        self.moods = moods


class Handler(world.Handler):
    """One connection of a sender, at the mercy of a mood."""

    server: Receiver

    def do_POST(self) -> None:  # noqa: N802 - the name of http.server
        """Verify, note, and answer as the mood is."""
        if (body := self.whole_body()) is None:
            return
        endpoint = self.path.strip("/")
        secret = self.server.secrets.get(endpoint)
        event, event_type = world.told(body)
        wrong = world.what_is_wrong(secret, self.headers, body)
        mood = self.server.moods.next()
        self.server.posts.note(
            event=event,
            type=event_type,
            endpoint=endpoint,
            body=hashlib.sha256(body).hexdigest(),
            wrong=wrong,
            mood=mood,
            took=mood in TOOK,
            at=time.time(),
        )
        if mood in (RESETS, TAKES_AND_RESETS):
            self._reset()
            return
        if mood == IS_LATE:
            time.sleep(LATE)
        with suppress(OSError):  # nobody waits for it any more
            self._answer(401 if wrong else 500 if mood == REFUSES else 200)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _reset(self) -> None:
        self.close_connection = True
        at_once = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        self.connection.close()


class Sink(world.Sink):
    """Where all letters end, at the mercy of a mood."""

    def __init__(self, folder: Path, moods: Moods) -> None:
        super().__init__(folder)
        self.moods = moods

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        """Note the letter, and answer as the mood is."""
        mood = self.moods.next()
        head = BytesHeaderParser().parsebytes(envelope.content or b"")
        for recipient in envelope.rcpt_tos:
            self.letters.note(
                id=head["Message-ID"],
                email=recipient,
                wrong=world.what_is_wrong_with_letter(head, recipient),
                mood=mood,
                took=mood in TOOK,
                at=time.time(),
            )
        if mood in (RESETS, TAKES_AND_RESETS):
            server.transport.abort()
        if mood == IS_LATE:
            await asyncio.sleep(LATE)
        return "451 not now" if mood == REFUSES else "250 taken"


def main(folder: Path, seed: str) -> None:
    """Be the world."""
    ports = orjson.loads((folder / "ports.json").read_bytes())
    receiver = Receiver(folder, ports["http"], Moods(folder, f"{seed}:http"))
    sink = Sink(folder, Moods(folder, f"{seed}:smtp"))

    def letter_box() -> SMTP:
        return SMTP(sink, hostname="localhost")

    with suppress(KeyboardInterrupt):
        asyncio.run(world.listen(folder, receiver, letter_box, smtp_port=ports["smtp"]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
