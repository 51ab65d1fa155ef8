"""Relay processes of a test."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.fixture
def a_relay(committed_db):
    """Start relay processes on the test's database; none is left afterwards."""
    started = []

    def start(*arguments, **environment):
        process = subprocess.Popen(
            [sys.executable, "manage.py", "relay", *arguments],
            env={
                **os.environ,
                "DATABASE_URL": committed_db,
                "PLAIN_HTTP_WEBHOOKS": "1",
                **environment,
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "relay: ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()
