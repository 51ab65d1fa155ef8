"""What can go wrong with a projection, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from outbox.codec import DomainEvent


class UnknownProjection(Exception):
    """There is no projection of that name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(
            f"There is no projection {name!r}. Choose from: {', '.join(known)}."
        )


class CannotFold(Exception):
    """An event that a fold cannot take; nothing was replaced."""

    def __init__(
        self, name: str, event_id: UUID, event: DomainEvent, error: Exception
    ) -> None:
        super().__init__(
            f"{name} cannot take the {event.type} {event_id}: {describe(error)}. "
            "Nothing was changed. Correct the fold and try again."
        )


def describe(error: Exception) -> str:
    """Return an error as one text: its kind, and what it says."""
    return f"{type(error).__name__}: {error}"
