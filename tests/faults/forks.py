"""
Children of the test's own process: real processes, without an interpreter's start.

    child = a_fork(work, at="after_claim:1:kill")
    assert child.wait() == -signal.SIGKILL

A child has everything that the test has prepared and patched, and connections of its
own. It ends without a word to pytest, whatever happens in it.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
import traceback
import warnings
from contextlib import suppress

from django.db import connection, connections

from outbox import points
from outbox.channels import smtp
from tests.faults.inside import faults

PATIENCE = 60


class Fork:
    """One child, doing `work(tell)`; what it tells is read when it has ended."""

    def __init__(self, work, at=""):
        connections.close_all()  # no two processes on one connection
        smtp.hang_up()
        self._status = None
        self._told, telling = os.pipe()
        with warnings.catch_warnings():
            # Newer Pythons warn of forks beside threads; see what `_live` does first.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if self.pid == 0:
            _live(work, at, telling)
        os.close(telling)

    def wait(self):
        """Wait for the end; return the exit status, below 0 for a signal."""
        if self._status is None:
            _, status = os.waitpid(self.pid, 0)
            self._status = os.waitstatus_to_exitcode(status)
        return self._status

    def wait_until_stopped(self):
        """Wait until it has frozen itself."""
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), f"ended instead of freezing: {status}"

    def send(self, number):
        """Send it a signal."""
        os.kill(self.pid, number)

    def told(self):
        """Return, once it has ended, the lines that it told."""
        self.wait()
        with os.fdopen(self._told, closefd=False) as lines:
            return lines.read().splitlines()

    def end(self):
        """Leave nothing of it."""
        if self._status is None:
            with suppress(ProcessLookupError):
                self.send(signal.SIGKILL)
            self.wait()
        os.close(self._told)


def _live(work, at, telling):
    status = 1
    # A thread that is not here any more may have held the lock of a log or a stream.
    logging.disable(logging.CRITICAL)
    sys.stdout = sys.stderr = os.fdopen(os.dup(2), "w")
    try:
        if at:
            points.listen(faults.At(*at.split(":")))
        work(lambda text: os.write(telling, f"{text}\n".encode()))
        status = 0
    except SystemExit as end:
        status = end.code or 0
    except BaseException:  # noqa: BLE001 - pytest must not go on in here
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)


def wait_until(true, seconds=PATIENCE):
    """Wait for what another process brings about."""
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "it never came true"
        time.sleep(0.02)


def wait_until_alone():
    """Wait until the server has noticed that the sessions of the dead have ended."""
    wait_until(lambda: not other_sessions())


def other_sessions():
    """Return the process ids of the other sessions in this database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
            "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        return [pid for (pid,) in cursor.fetchall()]
