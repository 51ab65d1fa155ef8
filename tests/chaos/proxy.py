"""
A wire to a broker that can be cut, stopped up, or taken away.

While the port refuses it stays bound, so that nobody else is given it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future


def reserved_port() -> socket.socket:
    """Return a socket that keeps a port for those who share it, and refuses."""
    kept = socket.socket()
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    kept.bind(("127.0.0.1", 0))
    return kept


class Proxy:
    """Passes connections on to one server, from a thread of its own."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._kept = reserved_port()
        self.port = self._kept.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._flowing = asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()
        self.restore()

    def stop(self) -> None:
        """Cut everything and end the thread."""
        self.refuse()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._kept.close()

    def cut(self) -> None:
        """Break every connection there is; new ones are welcome."""
        self._do(self._cut())

    def refuse(self) -> None:
        """Break every connection, and refuse new ones."""
        self._do(self._refuse())

    def mute(self) -> None:
        """Accept everything and pass nothing on."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def restore(self) -> None:
        """Be a wire again; what was held up by a stopped one is lost."""
        self._do(self._restore())

    def _do(self, what) -> None:
        done: Future[None] = asyncio.run_coroutine_threadsafe(what, self._loop)
        done.result(timeout=5)

    async def _cut(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._cut()

    async def _restore(self) -> None:
        if not self._flowing.is_set():
            await self._cut()
        self._flowing.set()
        if self._server is None:
            self._server = await asyncio.start_server(
                self._connected, "127.0.0.1", self.port, reuse_port=True
            )

    async def _connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError), self._held(writer):
            await self._flowing.wait()
            theirs, to_them = await asyncio.open_connection(*self._target)
            with self._held(to_them):
                there = asyncio.create_task(self._pump(reader, to_them))
                await self._pump(theirs, writer)
                there.cancel()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort()

    @contextlib.contextmanager
    def _held(self, writer: asyncio.StreamWriter) -> Iterator[None]:
        self._open.add(writer)
        try:
            yield
        finally:
            self._open.discard(writer)
            writer.transport.abort()
