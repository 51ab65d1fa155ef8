"""
A line to the database that is cut at a statement: it is done, and its answer is lost.

    with CutLine() as line:
        line.cut(COMMIT)
        ...            # connections opened in here go through the line
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

from django.db import connection, connections

COMMIT = b"COMMIT\x00"
CLAIM = b"FOR UPDATE SKIP LOCKED"  # each of these commits by itself
OUTCOME = b"INSERT INTO outbox_attempt (delivery_id, claim, seconds"
OPTIONS = {"sslmode": "disable", "gssencmode": "disable"}  # to be able to read along


class CutLine:
    """A small proxy in front of the server."""

    def __init__(self):
        self._awaited = None
        self._mute = None
        self._open = []
        self.cuts = 0

    def cut(self, statement):
        """Lose the answer to the next such statement, and the connection with it."""
        self._awaited = statement

    def __enter__(self):
        given = connection.settings_dict
        self._given = {name: given[name] for name in ("HOST", "PORT", "OPTIONS")}
        self._listening = socket.create_server(("127.0.0.1", 0))
        connections.close_all()
        port = self._listening.getsockname()[1]
        options = {**given["OPTIONS"], **OPTIONS}
        given.update(HOST="127.0.0.1", PORT=port, OPTIONS=options)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc_info):
        connections.close_all()
        connection.settings_dict.update(self._given)
        for each in (self._listening, *self._open):
            _end(each)

    def _accept(self):
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = self._call()
            self._open += [client, server]
            for work in (self._asks, self._answers):
                threading.Thread(
                    target=work, args=(client, server), daemon=True
                ).start()

    def _call(self):
        host, port = self._given["HOST"], self._given["PORT"] or 5432
        if host.startswith("/"):
            server = socket.socket(socket.AF_UNIX)
            server.connect(f"{host}/.s.PGSQL.{port}")
            return server
        return socket.create_connection((host or "127.0.0.1", int(port)))

    def _asks(self, client, server):
        while asked := _received(client):
            if self._awaited and self._awaited in asked:
                self._awaited, self._mute = None, server
            if not _passed_on(server, asked):
                break
        _end(server)

    def _answers(self, client, server):
        while answer := _received(server):
            if self._mute is server:
                self.cuts += 1
                break
            if not _passed_on(client, answer):
                break
        _end(client)


def _received(line):
    try:
        return line.recv(65536)
    except OSError:
        return b""


def _passed_on(line, said):
    try:
        line.sendall(said)
    except OSError:  # whoever is there has hung up
        return False
    return True


def _end(line):
    with suppress(OSError):  # it has ended by itself
        line.shutdown(socket.SHUT_RDWR)
    line.close()
