"""
Who acts, and why: what every recorded event notes about its origin.

The edge (a request, a command, a receiver) opens `acting`; the log reads it.
Nothing in between has to pass it on.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from structlog.contextvars import bound_contextvars

from outbox.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Iterator


NOBODY = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """
    The origin of the events recorded while it is current.

    `expects` names streams with the version that who acts has seen last; the log
    refuses to go on from another, and strikes out what it has compared.
    """

    actor: str = NOBODY
    correlation_id: UUID = field(default_factory=new_id)
    causation_id: UUID | None = None
    caused_by: tuple[str, ...] = ()
    traceparent: str = ""
    expects: dict[str, int] = field(default_factory=dict, compare=False)
    recorded: list[UUID] = field(default_factory=list, compare=False)

    def metadata(self) -> dict[str, Any]:
        """Return what is stored with each event, empty entries left out."""
        stored = {
            "actor": self.actor,
            "correlation_id": str(self.correlation_id),
            "causation_id": str(self.causation_id) if self.causation_id else "",
            "caused_by": list(self.caused_by),
            "traceparent": self.traceparent,
        }
        return {name: value for name, value in stored.items() if value}

    def named_in_logs(self) -> dict[str, str]:
        """Return what every line of log inside carries: ids, never a name."""
        named = {
            "actor": "" if self.actor == NOBODY else self.actor,
            "correlation_id": str(self.correlation_id),
            "causation_id": str(self.causation_id or ""),
        }
        return {name: value for name, value in named.items() if value}


_current: ContextVar[Cause | None] = ContextVar("outbox_cause", default=None)


def current() -> Cause:
    """Return the cause in force, or a fresh one for code that named none."""
    return _current.get() or Cause()


@contextmanager
def acting(**changes: Any) -> Iterator[Cause]:
    """
    Make a cause current for the block; unnamed parts are inherited.

    The yielded cause's `recorded` lists the ids of the events recorded
    directly under it, in order. Lines of log inside say whose they are.
    """
    cause = replace(current(), recorded=[], **changes)
    token = _current.set(cause)
    try:
        with bound_contextvars(**cause.named_in_logs()):
            yield cause
    finally:
        _current.reset(token)
