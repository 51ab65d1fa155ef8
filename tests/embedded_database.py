"""
One throw-away PostgreSQL for a whole test run, when DATABASE_URL is not set.

Named with `-p` in the pytest options, so that the server is up before
pytest-django reads the settings. xdist's workers inherit DATABASE_URL and start
none; only who started the server stops it.
"""

from __future__ import annotations

import contextlib
import os

import pytest

from config import embedded

_started = contextlib.ExitStack()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config, parser, args):
    if not os.environ.get("DATABASE_URL"):
        server = _started.enter_context(embedded.throwaway(durable=False))
        os.environ["DATABASE_URL"] = server.url
    return (yield)


def pytest_unconfigure(config):
    _started.close()
