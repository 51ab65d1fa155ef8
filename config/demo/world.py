"""
The world outside: an HTTP receiver and an SMTP sink, in a process of their own.

    python -m config.demo.world FOLDER

Both note what came before they answer. Where they listen stands in `world.json`;
the endpoints' secrets are read from `endpoints.json`. As long as there is a file
`hold`, the next message to the endpoint "loans" gets no answer: whoever delivers it
can be killed meanwhile, at leisure.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import getaddresses
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import orjson
from aiosmtpd.smtp import SMTP, Envelope

from config.demo import ledger
from config.demo.ledger import Ledger
from config.state import write_private

HELD_FOR = 3.0  # seconds at most: less than the relay's deadline
HELD_ENDPOINT = "loans"
TOLERANCE = 300  # seconds a signature's time may be away


class Headers(Protocol):
    """What is asked of headers."""

    def get(self, name: str, default: str, /) -> str: ...


class Receiver(ThreadingHTTPServer):
    """Other people's endpoints."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self, folder: Path, port: int = 0, handler: type[Handler] | None = None
    ) -> None:
        super().__init__(("127.0.0.1", port), handler or Handler)
        self.folder = folder
        self.posts = Ledger(folder, ledger.POSTS)
        self.held = Ledger(folder, ledger.HELD)

    @cached_property
    def secrets(self) -> dict[str, str]:
        """The secret of each endpoint, as it was shown once."""
        told = orjson.loads((self.folder / "endpoints.json").read_bytes())
        return {name: endpoint["secret"] for name, endpoint in told.items()}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a sender that was killed breaks its connection."""


class Handler(BaseHTTPRequestHandler):
    """One connection of a sender."""

    server: Receiver
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Verify, note, and only then answer."""
        if (body := self.whole_body()) is None:
            return
        endpoint = self.path.strip("/")
        secret = self.server.secrets.get(endpoint)
        event, event_type = told(body)
        message_id = self.headers.get("webhook-id", "")
        wrong = what_is_wrong(secret, self.headers, body)
        self.server.posts.note(
            event=event,
            type=event_type,
            endpoint=endpoint,
            body=hashlib.sha256(body).hexdigest(),
            wrong=wrong,
            at=time.time(),
        )
        if endpoint == HELD_ENDPOINT and self._may_hold():
            self.server.held.note(id=message_id)
            time.sleep(HELD_FOR)
        self.send_response(401 if wrong else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def whole_body(self) -> bytes | None:
        """
        Return the body; None for a part of one, whose sender died while sending.

        That is no request by RFC 9112, section 8: it says nothing, and is not answered.
        """
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) == length:
            return body
        self.close_connection = True
        return None

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing: the ledger has it."""

    def _may_hold(self) -> bool:
        """Tell whether to hold this one; of several threads one is told so."""
        try:
            (self.server.folder / "hold").unlink()
        except FileNotFoundError:
            return False
        return True


# What others have to know of us is written here a second time, from the standard
# and not from our own code, which would only agree with itself.


def told(body: bytes) -> tuple[str, str]:
    """Return the event and its type as a body says them, empty where it does not."""
    try:
        message = orjson.loads(body)
        return UUID(message["id"]).hex, str(message["type"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", ""


def what_is_wrong(secret: str | None, headers: Headers, body: bytes) -> str:
    """Return what is wrong with a message by Standard Webhooks; "" for nothing."""
    if secret is None:
        return "unknown endpoint"
    message_id = headers.get("webhook-id", "")
    sent_at = headers.get("webhook-timestamp", "")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, f"{message_id}.{sent_at}.".encode() + body, "sha256")
    signature = "v1," + base64.b64encode(digest).decode()
    if signature not in headers.get("webhook-signature", "").split(" "):
        return "no signature matches"
    if not sent_at.isdecimal() or abs(int(sent_at) - time.time()) > TOLERANCE:
        return "not signed now"
    if message_id != f"msg_{told(body)[0]}":
        return f"the body is not that of {message_id}"
    return ""


def what_is_wrong_with_letter(head: Message, recipient: str) -> str:
    """Return what is wrong with a letter's head; "" for nothing."""
    if not str(head["Subject"] or "").strip():
        return "no subject"
    if [email for _, email in getaddresses(head.get_all("To", []))] != [recipient]:
        return f"To is not {recipient}"
    return ""


class Sink:
    """Where all letters end."""

    def __init__(self, folder: Path) -> None:
        self.letters = Ledger(folder, ledger.LETTERS)

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Any, envelope: Envelope
    ) -> str:
        """Note the letter, and only then take it."""
        content = envelope.content or b""
        raw = content if isinstance(content, bytes) else content.encode()
        head = BytesHeaderParser().parsebytes(raw)
        for recipient in envelope.rcpt_tos:
            self.letters.note(
                id=head["Message-ID"],
                email=recipient,
                wrong=what_is_wrong_with_letter(head, recipient),
                at=time.time(),
            )
        return "250 taken"


async def listen(
    folder: Path,
    receiver: Receiver,
    letter_box: Callable[[], SMTP],
    *,
    smtp_port: int = 0,
) -> None:
    """Serve both until SIGTERM."""
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    loop = asyncio.get_running_loop()
    # Whoever names a port holds it, so that nobody else is given it meanwhile.
    smtp = await loop.create_server(
        letter_box, "127.0.0.1", smtp_port, reuse_port=bool(smtp_port)
    )
    ports = {
        "http": receiver.server_address[1],
        "smtp": smtp.sockets[0].getsockname()[1],
    }
    write_private(folder / "world.json", orjson.dumps(ports).decode())
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await stopping.wait()


def main(folder: Path) -> None:
    """Be the demo's world."""
    sink = Sink(folder)

    def letter_box() -> SMTP:
        return SMTP(sink, hostname="localhost")

    with suppress(KeyboardInterrupt):
        asyncio.run(listen(folder, Receiver(folder), letter_box))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
