"""
How the library says no.

A refusal is an answer, not a failure: it has a stable code, the facts it rests
on, and a sentence that says what is so and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar
from uuid import UUID


class Refusal(Exception):
    """Base of every "no". `status` is the HTTP status that fits."""

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 409

    def __init__(self, sentence: str, **facts: Any) -> None:
        super().__init__(sentence)
        self.facts = facts
        self.also: tuple[Refusal, ...] = ()

    @property
    def reasons(self) -> tuple[Refusal, ...]:
        """Every reason that applies, this one first."""
        return (self, *self.also)


def refuse_for(reasons: Iterable[Refusal]) -> None:
    """Raise the first reason, with all others beside it; pass if there is none."""
    found = tuple(reasons)
    if found:
        found[0].also = found[1:]
        raise found[0]


class NotFound(Refusal):
    """Something named by an id is not there."""

    code = "not_found"
    status = 404


class Invalid(Refusal):
    """A value cannot be accepted as it stands."""

    code = "invalid"
    status = 400


class StillInUse(Refusal):
    """Something cannot go while others depend on it."""

    code = "still_in_use"

    def __init__(self, what: str, subject: UUID, blockers: Sequence[UUID]) -> None:
        super().__init__(
            f"The {what} {subject} cannot go: {len(blockers)} open loan(s), hold(s), "
            "transit(s), fee(s) or endpoint(s) stand in the way. Take the copies back, "
            "scan those under way where they arrive, cancel the holds, settle the fees "
            "and remove the endpoints first.",
            blockers=list(blockers),
        )
