"""
Receivers on loopback, at the level of sockets, that answer as they are told to.

    with started(saying(OK)) as receiver:
        post(receiver.url)
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


class Receiver:
    """A receiver on loopback that answers each connection as it is told to."""

    def __init__(self, answer, tls=None):
        self.answer, self.tls = answer, tls
        self.connections, self.requests, self.faults = 0, [], []
        self.done = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}/hook"
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.threads.append(threading.Thread(target=self.serve, args=[peer]))
            self.threads[-1].start()

    def serve(self, peer):
        with contextlib.suppress(OSError), peer:
            peer.settimeout(4)
            if self.tls:
                peer = self.tls.wrap_socket(peer, server_side=True)
            with peer:
                self.answer(self, peer)

    def read_request(self, peer):
        """Return one whole request, or b"" when there is none any more."""
        head = b""
        while b"\r\n\r\n" not in head:
            more = peer.recv(65536)
            if not more:
                return b""
            head += more
        head, _, body = head.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        while len(body) < length:
            body += peer.recv(65536)
        self.requests.append((head.decode(), body))
        return head

    def stop(self):
        self.done.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join()


@contextlib.contextmanager
def started(answer, **options):
    """Start a receiver; end it, and everything it holds open, after the block."""
    server = Receiver(answer, **options)
    try:
        yield server
    finally:
        server.stop()


def saying(*parts, pause=0.0):
    """Read the request, say these parts, close."""

    def answer(server, peer):
        server.read_request(peer)
        for part in parts:
            peer.sendall(part)
            server.done.wait(pause)

    return answer


def keeping_on(first, then, pause=0.0):
    """Read the request, say the first part, then the other one without end."""

    def answer(server, peer):
        server.read_request(peer)
        peer.sendall(first)
        while not server.done.is_set():
            peer.sendall(then)
            server.done.wait(pause)

    return answer


def keep_alive(server, peer):
    while server.read_request(peer):
        peer.sendall(OK)


def silent(server, peer):
    server.read_request(peer)
    server.done.wait(4)


def deaf(server, peer):
    server.done.wait(4)


def reset(peer):
    """Close with a reset instead of a farewell."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def response(status, body=b"", **headers):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
