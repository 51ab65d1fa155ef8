"""How the membership desk says no."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from library.refusals import Invalid, NotFound, Refusal


class UnknownMember(NotFound):
    """There is no such member."""

    code = "unknown_member"

    def __init__(self, member_id: UUID) -> None:
        super().__init__(
            f"There is no member {member_id}. Scan the card again.",
            member_id=member_id,
        )


class InvalidMember(Invalid):
    """What was given about a member cannot be right."""

    code = "invalid_member"


class UnknownLink(NotFound):
    """A link that was not made by us, or was cut short on the way."""

    code = "unknown_link"

    def __init__(self) -> None:
        super().__init__(
            "This link is not one of ours, or a part of it is missing. "
            "Copy all of it, or change which letters you get in your preferences."
        )


class UsernameTaken(Refusal):
    """Somebody has this user name."""

    code = "username_taken"

    def __init__(self) -> None:
        super().__init__("This user name is taken. Choose another.", field="username")


class MemberExpired(Refusal):
    """The membership is over."""

    code = "member_expired"

    def __init__(self, member_id: UUID, expires_on: date) -> None:
        super().__init__(
            f"The membership ended with {expires_on:%d %B %Y}. "
            "Extend it at the desk first.",
            member_id=member_id,
            expires_on=expires_on,
        )


class MemberBlocked(Refusal):
    """The desk has blocked the member."""

    code = "member_blocked"

    def __init__(self, member_id: UUID, reasons: Sequence[str]) -> None:
        super().__init__(
            f"The member is blocked: {', '.join(reasons)}. Ask at the desk.",
            member_id=member_id,
            reasons=list(reasons),
        )


class AlreadyBlocked(Refusal):
    """The member is blocked for this reason."""

    code = "already_blocked"

    def __init__(self, member_id: UUID, reason: str) -> None:
        super().__init__(
            f"The member is blocked for this reason already: {reason}. "
            "There is nothing to do.",
            member_id=member_id,
            reason=reason,
        )


class NotBlocked(Refusal):
    """The member is not blocked, or not for this reason."""

    code = "not_blocked"

    def __init__(self, member_id: UUID, reasons: Sequence[str]) -> None:
        standing = f"only for: {', '.join(reasons)}" if reasons else "for no reason"
        super().__init__(
            f"The member is blocked {standing}. There is nothing to lift.",
            member_id=member_id,
            reasons=list(reasons),
        )
