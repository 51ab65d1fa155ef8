"""Doing what a library does, and noting each answer outside of the database."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from django.utils import timezone

from config.demo import ledger
from config.demo.ledger import Ledger
from library.catalog.importing import import_csv
from library.members.events import UserRegistered
from library.members.users import register_member
from outbox.codec import DomainEvent
from outbox.context import acting

E = TypeVar("E", bound=DomainEvent)


class Player:
    """Calls operations; what they answered is in the ledger when it returns."""

    def __init__(self, folder: Path) -> None:
        self._answers = Ledger(folder, ledger.ANSWERS)
        self._imports = Ledger(folder, ledger.IMPORTS)

    def act(
        self, operation: Callable[..., E], *, told: str = "", **arguments: Any
    ) -> E:
        """Do one thing; `told` is the address of whom it is about."""
        with acting(actor="demo") as cause:
            event = operation(now=timezone.now(), **arguments)
        (event_id,) = cause.recorded
        self._note(event_id, event, told)
        return event

    def register(self, number: int) -> tuple[UserRegistered, str]:
        """Register a member; return the answer and the address."""
        email = address_of(number)
        registered = self.act(
            register_member, username=f"reader-{number}", email=email, told=email
        )
        return registered, email

    def import_books(self, path: Path) -> list[Any]:
        """Import a file; return the answers for the books that were added."""
        with acting(actor="demo") as cause:
            report = import_csv(path, now=timezone.now(), source="demo")
        for event_id, event in zip(cause.recorded, report.added, strict=True):
            self._note(event_id, event)
        self._imports.note(
            rows=rows_in(path),
            added=len(report.added),
            known=report.known,
            rejected=len(report.rejected),
            reason=next((str(each.note) for each in report.rejected), ""),
        )
        return report.added

    def _note(self, event_id: UUID, event: DomainEvent, told: str = "") -> None:
        self._answers.note(
            event=event_id.hex, type=event.type, email=told, about=subject_of(event)
        )


def subject_of(event: DomainEvent) -> str:
    """Return the id that an event is about in the first place."""
    return str(getattr(event, event.about[0]))


def rows_in(path: Path) -> int:
    """Count a file's rows without its heading, whatever the import thinks of them."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return sum(1 for row in csv.reader(file) if row) - 1


def address_of(number: int) -> str:
    """Return a member's address; nobody's in the real world."""
    return f"reader-{number}@demo.example"
