"""How the membership desk says no."""

from __future__ import annotations

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
