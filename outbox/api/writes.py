"""
Writes, in one transaction each, and once for each Idempotency-Key.

The first time, the ids of what was made are noted under a command id, in the
transaction that makes it. A repeat does nothing and answers with the same status
and the same thing, read again: what is noted holds no body and no secret. A
refused write leaves no note, and may be tried again under its key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from outbox import commands
from outbox.context import Cause, acting
from outbox.models import Command

KEY_HEADER = "Idempotency-Key"
TOKEN_HEADER = "Consistency-Token"  # noqa: S105 - the name of a header
LONGEST_KEY = 255
SHOWN_ONCE = "Shown once, in the first answer to this Idempotency-Key."


@dataclass(frozen=True, slots=True)
class Made:
    """
    What a write made: its id, and a secret that is shown this once.

    `noted` is what a repeat could not read again: plain JSON, nothing personal.
    """

    id: Any
    secret: str | None = field(default=None, repr=False)
    noted: Any = None


@dataclass(frozen=True, slots=True)
class Written:
    """What a write, or its repeat, answers with."""

    id: str
    status: int
    event_id: UUID | None
    secret: str | None = field(default=None, repr=False)
    noted: Any = None
    repeated: bool = False

    def response(self, data: Any = None) -> Response:
        """Answer with what was read again, and with what to wait for elsewhere."""
        headers = {TOKEN_HEADER: str(self.event_id)} if self.event_id else None
        return Response(data, status=self.status, headers=headers)

    def once(self, name: str) -> dict[str, str | None]:
        """Return the secret under its name, or a note in its place in a repeat."""
        return {name: self.secret, "note": SHOWN_ONCE if self.repeated else ""}


def write(
    request: Request,
    act: Callable[[], Made],
    *,
    status: int = 200,
    user: AbstractBaseUser | None = None,
    expects: dict[str, int] | None = None,
) -> Written:
    """
    Do what a request asks for in one transaction, as the user who asks.

    `expects` are streams with the version that the request was made for. Raises
    CommandReused where the key came with another body, ValidationError for a
    malformed key, StaleStream, and whatever `act` raises; nothing is changed then.
    """
    actor = f"user:{(user or request.user).pk}"
    key = _key(request)
    with transaction.atomic():
        command, fresh = _claim(request, actor, key) if key else (None, True)
        if command and not fresh:
            return _as_before(command)
        with acting(actor=actor, expects=expects or {}) as cause:
            made = act()
        if command:
            more = {} if made.noted is None else {"noted": made.noted}
            commands.note(command, cause, id=str(made.id), status=status, **more)
    return Written(str(made.id), status, _last(cause), made.secret, made.noted)


def _key(request: Request) -> str | None:
    key = request.headers.get(KEY_HEADER) if request.method == "POST" else None
    if key is None:
        return None
    if not (1 <= len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        raise ValidationError(
            {
                KEY_HEADER: f"An {KEY_HEADER} has 1 to {LONGEST_KEY} printable ASCII "
                "characters. Make up another."
            },
            code="invalid_idempotency_key",
        )
    return key


def _claim(request: Request, actor: str, key: str) -> tuple[Command, bool]:
    """Return the command of this user, method, path and key, and whether it is new."""
    name = f"{request.method} {request.path}"
    digest = hashlib.sha256("\n".join((actor, name, key)).encode()).digest()
    return commands.claim(
        UUID(bytes=digest[:16], version=5), actor=actor, name=name, body=request.body
    )


def _as_before(command: Command) -> Written:
    return Written(
        id=command.answer["id"],
        status=command.answer["status"],
        event_id=command.events[-1] if command.events else None,
        noted=command.answer.get("noted"),
        repeated=True,
    )


def _last(cause: Cause) -> UUID | None:
    return cause.recorded[-1] if cause.recorded else None
