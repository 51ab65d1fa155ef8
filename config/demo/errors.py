"""Why a play may end before its end."""

from __future__ import annotations


class DemoFailed(Exception):
    """The demo could not be played to its end; the message says why."""


class Interrupted(Exception):
    """Somebody pressed Ctrl-C."""
