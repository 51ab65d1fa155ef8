"""
`python -m benchmarks.crowd`: clients that post at once, in a process of their own.

Each asks again when it is answered, and keeps its connection for some requests, not for
all: which worker of a web server a connection falls to is chance, and of eight it may
be seven to one. For each line that it is given, a JSON object with `port`, `at_once`,
`path`, `token` and the `bodies` to post, it prints one: the seconds that each took, and
all together. What is not answered with 201 ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

PATIENCE = 300.0  # seconds
KEPT = 5  # requests on one connection


@dataclass(frozen=True, slots=True)
class Answered:
    """How long each request took, and all of them, in seconds."""

    took: list[float]
    seconds: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.took) / self.seconds


class Crowd:
    """A crowd that waits to be sent, seen from the process that measures."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def post(self, bodies: Sequence[Any], **where: Any) -> Answered:
        """Post all of these; return once all are answered."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(where | {"bodies": bodies}) + "\n")
        self._process.stdin.flush()
        told = self._process.stdout.readline()
        if not told:
            raise RuntimeError("the crowd was answered wrongly; see its last words")
        return Answered(**json.loads(told))


@contextlib.contextmanager
def crowd() -> Iterator[Crowd]:
    """Have a crowd for a while."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.crowd"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a terminal's Ctrl-C is for us alone
    ) as process:
        try:
            yield Crowd(process)
        finally:
            process.kill()


# --- Inside of that process -----------------------------------------------------


def _length(head: bytes) -> int:
    named = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return next(int(value) for name, _, value in named if name == b"Content-Length")


def _request(path: str, token: str, body: Any) -> bytes:
    said = json.dumps(body).encode()
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Token {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(said)}\r\n\r\n"
    ).encode() + said


async def post(
    port: int, at_once: int, path: str, token: str, bodies: Sequence[Any]
) -> dict[str, Any]:
    """Post all of these, so many at once."""
    requests = iter([_request(path, token, body) for body in bodies])
    took: list[float] = []
    started = time.perf_counter()
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(_ask(port, requests, took) for _ in range(at_once)))
    return {"took": took, "seconds": time.perf_counter() - started}


async def _ask(port: int, requests: Iterator[bytes], took: list[float]) -> None:
    """Be one client: ask until there is nothing left to ask for."""
    while some := list(itertools.islice(requests, KEPT)):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in some:
            asked_at = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(_length(head))
            took.append(time.perf_counter() - asked_at)
            if not head.startswith(b"HTTP/1.1 201"):
                raise RuntimeError(f"{head!r}\n{body!r}")
        writer.close()


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(asyncio.run(post(**json.loads(line)))), flush=True)
