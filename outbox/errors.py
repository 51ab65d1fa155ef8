"""What can go wrong in the outbox, and what to do about each."""

from __future__ import annotations

from typing import ClassVar


class OutboxError(Exception):
    """Base of everything the outbox raises on purpose."""


class OutsideTransaction(OutboxError):
    """Something that belongs in the caller's transaction ran outside one."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} was called outside a transaction. Wrap the operation in "
            "transaction.atomic(): rows, facts and outbox rows commit together."
        )


class UnknownEventType(OutboxError):
    """A stored or given event has no class in the modules of OUTBOX['EVENTS']."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"No event class for {name!r}. Name the module that defines it in "
            "OUTBOX['EVENTS'], or add an upcasting step for a retired type."
        )


class UnencodableEvent(OutboxError):
    """An event holds a value that cannot be stored or sent."""

    def __init__(self, event_type: str, reason: str) -> None:
        super().__init__(f"An event {event_type!r} cannot be written down: {reason}.")


class StaleStream(OutboxError):
    """A stream has gone on since it was read. `code` is stable."""

    code = "stale_version"

    def __init__(self, stream: str, expected: int, version: int) -> None:
        super().__init__(
            f"{stream} was changed since you read it: you saw version {expected}, it "
            f"is at {version}. Read it again, and decide anew."
        )
        self.facts = {"stream": stream, "expected": expected, "version": version}


class Unanswerable(OutboxError):
    """Base of questions about the past that are refused, each with its code."""

    code: ClassVar[str]


class AsOfTooWide(Unanswerable):
    """The whole log would have to be folded for an answer, or nobody can say."""

    code = "as_of_too_wide"

    def __init__(self) -> None:
        super().__init__(
            "This cannot be shown as of an earlier moment: only one thing can, or what "
            "one member has. Ask for a book, the holds of a book, a shelf, an account, "
            "or a row of a table; or leave `as_of` out."
        )


class CommandReused(OutboxError):
    """The same command id came again with another content."""

    def __init__(self) -> None:
        super().__init__(
            "This command id was already used for another request. "
            "Repeat the first request unchanged, or choose a new id."
        )


class Fenced(OutboxError):
    """
    A later claim has taken this delivery over: what can be undone must be.

    Its text is the name of the outcome that came too late.
    """


class CannotUnseal(OutboxError):
    """A secret at rest cannot be opened. `code` is stable."""

    code = "cannot_unseal"


class UnknownSealingKey(CannotUnseal):
    """A secret was sealed under a key that is not configured here."""

    code = "unknown_sealing_key"

    def __init__(self, key_id: str) -> None:
        super().__init__(
            f"A secret is sealed under the key {key_id[:50]!r}, which is not here. Put "
            "it back into SEALING_KEYS (or, for 'secret-key-…', the former SECRET_KEY "
            "into its place) on every host, and start again."
        )


class BrokenSeal(CannotUnseal):
    """A sealed secret was changed, or belongs to another row."""

    code = "broken_seal"

    def __init__(self, about: str) -> None:
        super().__init__(
            f"The sealed secret of {about} does not open: it was changed, or belongs "
            "to another row. Restore it from a backup, or rotate it."
        )


class WriteOutsideAdvance(OutboxError):
    """Somebody tried to write a folded table by hand."""

    def __init__(self, table: str) -> None:
        super().__init__(
            f"{table} is what its events add up to and is written by its fold alone. "
            "Call an operation; it records the event that changes the row."
        )
