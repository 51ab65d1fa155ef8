"""
W3C trace context: a client's trace goes on in what we send because of it.

Source: https://www.w3.org/TR/trace-context/, version 00 of `traceparent`.
"""

from __future__ import annotations

import re
import secrets

HEADER = "traceparent"
SAMPLED = 0x01  # the one flag that version 00 lets us pass on

_TRACEPARENT = re.compile(
    r"00-(?P<trace>(?!0{32})[0-9a-f]{32})"
    r"-(?P<parent>(?!0{16})[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})"
)


def accepted(header: str) -> str:
    """Return a `traceparent` as it was given, or "" for what is none."""
    return header if _TRACEPARENT.fullmatch(header) else ""


def child_of(traceparent: str) -> str:
    """Return the same trace with a new parent-id; "" where there is no trace."""
    parent = _TRACEPARENT.fullmatch(traceparent)
    if parent is None:
        return ""
    span = secrets.randbits(64) or 1  # all zeros is no id
    flags = int(parent["flags"], 16) & SAMPLED
    return f"00-{parent['trace']}-{span:016x}-{flags:02x}"
