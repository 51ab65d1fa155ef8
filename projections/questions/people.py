"""People's names, joined when a question is answered; no read model holds one."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from library.members import names


def names_of(ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return the names of those members who are still users."""
    return names.of(ids)
