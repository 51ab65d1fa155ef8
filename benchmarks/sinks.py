"""
`python -m benchmarks.sinks http|smtp|stomp`: what is delivered to, in its own process.

Each takes everything and answers at once, on connections that are kept. It prints its
port first; then, for each line it is given, the moments (by the machine's monotonic
clock) at which something new came in since the last line, as a JSON array.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from aiosmtpd.smtp import SMTP

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
PATIENCE = 300.0  # seconds
LOOK = 0.1  # seconds between looks at how much has come


class Sink:
    """A sink that runs, seen from the process that measures."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.port = int(self._ask(""))

    def forget(self) -> None:
        """Begin again with nothing."""
        self._ask("forget\n")

    def rate(self, count: int) -> float:
        """
        Wait until so many came in; return how many came in a second.

        The first tenth is not counted: who sends is only warming up.
        """
        times: list[float] = []
        give_up_at = time.monotonic() + PATIENCE
        while len(times) < count:
            if time.monotonic() > give_up_at:
                raise RuntimeError(f"only {len(times)} of {count} came in")
            time.sleep(LOOK)
            times += json.loads(self._ask("\n"))
        warm = count // 10
        return (count - warm) / (times[count - 1] - times[warm - 1])

    def _ask(self, line: str) -> str:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(line)
        self._process.stdin.flush()
        return self._process.stdout.readline()


@contextlib.contextmanager
def sink(kind: str) -> Iterator[Sink]:
    """Run a sink for a while."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.sinks", kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a terminal's Ctrl-C is for us alone
    ) as process:
        try:
            yield Sink(process)
        finally:
            process.kill()


# --- Inside of that process -----------------------------------------------------


class Arrivals:
    """What came in, each id counted once."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self.new: list[float] = []

    def note(self, name: bytes) -> None:
        if name not in self.seen:
            self.seen.add(name)
            self.new.append(time.monotonic())

    def told(self, line: str) -> list[float]:
        """Answer a line: what is new, and nothing is from now on."""
        told, self.new = self.new, []
        if line.strip() == "forget":
            self.seen.clear()
        return told


class Http(asyncio.Protocol):
    """Just enough of HTTP/1.1 for bodies with a length."""

    def __init__(self, arrivals: Arrivals) -> None:
        self.arrivals = arrivals
        self.came = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.came += data
        while (end := self.came.find(b"\r\n\r\n")) >= 0:
            headers = dict(
                line.lower().split(b": ", 1)
                for line in self.came[:end].split(b"\r\n")[1:]
            )
            ends = end + 4 + int(headers[b"content-length"])
            if len(self.came) < ends:
                return
            self.came = self.came[ends:]
            self.arrivals.note(headers[b"webhook-id"])
            self.transport.write(OK)


class Stomp(asyncio.Protocol):
    """Just enough of STOMP 1.2 for who sends and says good-bye."""

    def __init__(self, arrivals: Arrivals) -> None:
        self.arrivals = arrivals
        self.came = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.came = (self.came + data).lstrip(b"\n")
        while (end := self.came.find(b"\n\n")) >= 0:
            command, *lines = self.came[:end].decode().splitlines()
            headers = dict(line.split(":", 1) for line in lines)
            ends = end + 2 + int(headers.get("content-length", 0))
            if len(self.came) <= ends:  # a NUL comes behind
                return
            self.came = self.came[ends + 1 :].lstrip(b"\n")
            self._take(command, headers)

    def _take(self, command: str, headers: dict[str, str]) -> None:
        if command in {"CONNECT", "STOMP"}:
            self.transport.write(b"CONNECTED\nversion:1.2\n\n\0")
        elif command == "SEND":
            self.arrivals.note(headers["dop-msg-id"].encode())
        elif receipt := headers.get("receipt"):
            self.transport.write(f"RECEIPT\nreceipt-id:{receipt}\n\n\0".encode())


class Mailbox:
    """Takes each letter, by its Message-ID; says what every mail server says today."""

    def __init__(self, arrivals: Arrivals) -> None:
        self.arrivals = arrivals

    async def handle_EHLO(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, name: str, answers: list[str]
    ) -> list[str]:
        session.host_name = name
        return [*answers[:-1], "250-PIPELINING", answers[-1]]

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        headers = envelope.content.split(b"\r\n\r\n", 1)[0].lower()
        self.arrivals.note(headers.split(b"\r\nmessage-id:")[1].split(b"\r\n")[0])
        return "250 OK"


async def main(kind: str) -> None:
    """Listen, say where, and answer the lines that are read."""
    arrivals, loop = Arrivals(), asyncio.get_running_loop()
    made = {
        "http": lambda: Http(arrivals),
        "smtp": lambda: SMTP(Mailbox(arrivals), loop=loop),
        "stomp": lambda: Stomp(arrivals),
    }
    server = await loop.create_server(made[kind], "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(arrivals.told(line)), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
