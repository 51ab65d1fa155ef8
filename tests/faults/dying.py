"""Death at the nth statement of a connection, before or after it; commits count too."""

from __future__ import annotations

from contextlib import contextmanager

from django.db import connection

from tests.faults.inside.faults import kill


class DiesAt:
    """Counts what is sent to the database, and ends the process at one of it."""

    def __init__(self, number, when):
        self._number, self._after = number, when == "after"
        self._sent = 0

    def __call__(self, execute, sql, params, many, context):
        return self._around(lambda: execute(sql, params, many, context))

    def _around(self, send):
        self._sent += 1
        if self._sent == self._number and not self._after:
            kill()
        answer = send()
        if self._sent == self._number and self._after:
            kill()
        return answer

    @contextmanager
    def armed(self):
        """Count in here."""
        commit = connection._commit
        connection._commit = lambda: self._around(commit)
        with connection.execute_wrapper(self):
            yield
