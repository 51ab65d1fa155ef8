"""Ids that sort by the time they were made."""

from __future__ import annotations

from uuid import UUID

import uuid6


def new_id() -> UUID:
    """Return a fresh version 7 UUID (RFC 9562) as a plain `uuid.UUID`."""
    return UUID(int=uuid6.uuid7().int)
