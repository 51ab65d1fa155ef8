"""
A receiver of webhooks, as small as one can be and still be right.

    WEBHOOK_SECRET=whsec_… .venv/bin/python docs/examples/receiver.py 9000

It answers 204 only for a message whose signature holds, and does nothing twice:
every copy of a message has the same webhook-id. A real receiver keeps the ids it
has seen in its database, in the transaction of what it does about them.
"""

from __future__ import annotations

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

SEEN: set[str] = set()


class Receiver(BaseHTTPRequestHandler):
    """Take in what is signed with our secret."""

    def do_POST(self) -> None:
        """Verify, drop doubles, act, answer."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            message = Webhook(os.environ["WEBHOOK_SECRET"]).verify(
                body.decode(), dict(self.headers.items())
            )
        except WebhookVerificationError:
            self._answer(401)
            return
        if self.headers["webhook-id"] not in SEEN:
            SEEN.add(self.headers["webhook-id"])
            print(message["type"], message["data"], flush=True)  # noqa: T201
        self._answer(204)

    def log_message(self, *args: object) -> None:
        """Keep quiet about the requests themselves."""

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
