"""
A command id makes repeating an operation harmless.

The first time, what was recorded is noted under the id, in the operation's
transaction. Each further time answers with that first result and records
nothing. Two at once wait for each other on the primary key. A refused command
rolls back with its note, and may be tried again.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from outbox import log
from outbox.codec import DomainEvent
from outbox.context import Cause, acting
from outbox.errors import CommandReused
from outbox.models import Command


@transaction.atomic
def once(
    command_id: UUID,
    operation: Callable[..., Any],
    *,
    actor: str = "system",
    body: bytes = b"",
    **arguments: Any,
) -> list[DomainEvent]:
    """
    Run an operation unless this command id has run it; return its events.

    Raises CommandReused where the id came before with another body, actor or
    operation, and whatever the operation raises.
    """
    name = f"{operation.__module__}.{operation.__qualname__}"
    command, fresh = claim(command_id, actor=actor, name=name, body=body)
    if fresh:
        with acting(actor=actor) as cause:
            operation(**arguments)
        note(command, cause)
    return log.by_ids(command.events)


def claim(
    command_id: UUID, *, actor: str, name: str, body: bytes
) -> tuple[Command, bool]:
    """
    Return the command and whether it is new; in the caller's transaction.

    Raises CommandReused where the id stands for something else.
    """
    digest = keyed_hash(body)
    command, fresh = Command.objects.get_or_create(
        id=command_id, defaults={"actor": actor, "name": name, "body_hash": digest}
    )
    if (command.actor, command.name, command.body_hash) != (actor, name, digest):
        raise CommandReused
    return command, fresh


def note(command: Command, cause: Cause, **answer: Any) -> None:
    """Write down what the command recorded and answered: ids, never a body."""
    command.events, command.answer = cause.recorded, answer
    command.save(update_fields=["events", "answer"])


def keyed_hash(body: bytes) -> str:
    """Return a hash of a body that cannot be guessed back without our key."""
    return hmac.new(settings.SECRET_KEY.encode(), body, hashlib.sha256).hexdigest()
