"""Ids that sort by the time they were made; and reading many of them fast."""

from __future__ import annotations

from uuid import UUID, SafeUUID

import uuid6


def new_id() -> UUID:
    """Return a fresh version 7 UUID (RFC 9562) as a plain `uuid.UUID`."""
    return UUID(int=uuid6.uuid7().int)


def read(text: str) -> UUID:
    """
    Return the id that a text stands for, in half the time that `UUID(text)` takes.

    A rebuild reads millions. Raises what `UUID` raises.
    """
    digits = text.replace("-", "")
    if len(digits) != _DIGITS:
        return UUID(text)
    found = _new(UUID)
    # As `UUID` does it, which is frozen, once it has gone through all its arguments.
    _set(found, "int", int(digits, 16))
    _set(found, "is_safe", _UNKNOWN)
    return found


_DIGITS = 32
# Asked for a million times, each of these would take as long as reading the digits.
_new, _set, _UNKNOWN = object.__new__, object.__setattr__, SafeUUID.unknown
