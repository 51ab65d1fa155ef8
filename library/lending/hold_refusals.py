"""How the desk says no to a hold."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from library.refusals import Invalid, NotFound, Refusal


class HoldLimit(Refusal):
    """The member has as many holds as the policy allows."""

    code = "hold_limit"

    def __init__(self, open_holds: int, limit: int) -> None:
        super().__init__(
            f"{open_holds} holds are open and {limit} is the limit. Cancel one first.",
            open_holds=open_holds,
            limit=limit,
        )


class AlreadyOnHold(Refusal):
    """The member waits for this book already."""

    code = "already_on_hold"

    def __init__(self, book_id: UUID) -> None:
        super().__init__(
            f"You wait for the book {book_id} already. Look at your holds.",
            book_id=book_id,
        )


class NothingToHold(Refusal):
    """There is no copy of the book that the member could ever be lent."""

    code = "nothing_to_hold"

    def __init__(self, book_id: UUID) -> None:
        super().__init__(
            f"No copy of the book {book_id} is lent to you. "
            "Ask at the desk, or read it in the library.",
            book_id=book_id,
        )


class UnknownHold(NotFound):
    """There is no such hold."""

    code = "unknown_hold"

    def __init__(self, hold_id: UUID) -> None:
        super().__init__(
            f"There is no hold {hold_id}. Look at the list of holds.",
            hold_id=hold_id,
        )


class HoldClosed(Refusal):
    """The hold is over."""

    code = "hold_closed"

    def __init__(self, hold_id: UUID, outcome: str) -> None:
        super().__init__(
            f"Hold {hold_id} was {outcome}. Place another if the book is wanted.",
            hold_id=hold_id,
            outcome=outcome,
        )


class HoldNotOver(Refusal):
    """The hold has no end yet, or it has not come."""

    code = "hold_not_over"

    def __init__(self, hold_id: UUID, pickup_until: datetime | None) -> None:
        super().__init__(
            f"Hold {hold_id} still stands. Wait until its last day is over, "
            "or cancel it.",
            hold_id=hold_id,
            pickup_until=pickup_until,
        )


class InvalidHold(Invalid):
    """What was given about a hold cannot be right."""

    code = "invalid_hold"


class HoldNeedsAnEnd(Refusal):
    """The policy lets nobody of this category wait for ever."""

    code = "hold_needs_an_end"

    def __init__(self, policy: str) -> None:
        super().__init__(
            f"By the policy {policy!r} a hold has an end. Say how many days you wait.",
            policy=policy,
        )


class HoldHasCopy(Refusal):
    """A copy is set aside for the hold, or under way: it is in no queue any more."""

    code = "hold_has_copy"

    def __init__(self, hold_id: UUID, copy_id: UUID) -> None:
        super().__init__(
            f"Copy {copy_id} is for hold {hold_id} already. Pick it up, or cancel the "
            "hold.",
            hold_id=hold_id,
            copy_id=copy_id,
        )


class HoldNotSuspended(Refusal):
    """The hold is not suspended, or it is not yet time to resume it."""

    code = "hold_not_suspended"

    def __init__(self, hold_id: UUID) -> None:
        super().__init__(
            f"Hold {hold_id} is not suspended until now. There is nothing to do.",
            hold_id=hold_id,
        )


class HoldThereAlready(Refusal):
    """The hold has this place."""

    code = "hold_there_already"

    def __init__(self, hold_id: UUID, position: int) -> None:
        super().__init__(
            f"Hold {hold_id} is in place {position} already. There is nothing to do.",
            hold_id=hold_id,
            position=position,
        )
