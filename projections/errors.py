"""What can go wrong with a projection, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from outbox.errors import Unanswerable


class UnknownProjection(Exception):
    """There is no projection of that name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(
            f"There is no projection {name!r}. Choose from: {', '.join(known)}."
        )


class NotYetSo(Unanswerable):
    """The moment asked about is still to come."""

    code = "as_of_not_yet"

    def __init__(self, asked: str, so_far: str) -> None:
        super().__init__(
            f"What will be so as of {asked} is not known yet. {so_far} Leave `as_of` "
            "out to see what is so now."
        )


class NotYetVisible(Exception):
    """The read models have not come as far as the reader's own write."""

    code = "not_yet_visible"
    retry_after = 1  # seconds

    def __init__(self, event_id: UUID) -> None:
        super().__init__(
            f"What was written with the event {event_id} is recorded, but cannot be "
            "seen here yet. Try again in a moment, or leave the Consistency-Token out."
        )


class RebuildRefused(Exception):
    """Base of what keeps a table from being made anew."""


class CannotFold(RebuildRefused):
    """An event that a fold cannot take; nothing was replaced."""

    def __init__(self, name: str, event_type: str, event_id: str, error: str) -> None:
        super().__init__(
            f"{name} cannot take the {event_type} {event_id}: {error}. "
            "Nothing was changed. Correct the fold and try again."
        )
        self._given = (name, event_type, event_id, error)

    def __reduce__(self) -> Any:
        """Travel from one process to another."""
        return type(self), self._given


class AlreadyRebuilding(RebuildRefused):
    """Somebody else is making this table anew."""

    def __init__(self, name: str, who: str) -> None:
        super().__init__(
            f"{name} is being rebuilt already, by {who}. Wait for it to end."
        )


class CouldNotTakeOver(RebuildRefused):
    """Somebody held the table, or the gate, all the time."""

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(
            f"{name} could not be taken over within {seconds:.0f} s: another session "
            "holds it all the time (a backup, a long report). Nothing is lost and "
            "everything goes on as before. Try again when that session has ended."
        )


def describe(error: Exception) -> str:
    """Return an error as one text: its kind, and what it says."""
    return f"{type(error).__name__}: {error}"
