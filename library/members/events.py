"""The facts about members: ids, codes and dates only, never a name or address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

EXAMPLES = {
    "category": "student",
    "language": "uz",
    "muted": ("return_receipt",),
    "reason": "card_lost",
    "reasons": ("card_lost",),
    "code": "teacher",
    "name": "Teachers",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRegistered:
    """Somebody became a member."""

    type: ClassVar[str] = "user.registered"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "member:{member_id}"
    about: ClassVar[tuple[str, ...]] = ("member_id",)
    occurred: ClassVar[str] = "registered_at"

    member_id: UUID
    registered_at: datetime
    category: str = "reader"
    language: str = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserUpdated:
    """A member's category or preferences changed; all of them are said again."""

    type: ClassVar[str] = "user.updated"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "member:{member_id}"
    about: ClassVar[tuple[str, ...]] = ("member_id",)
    occurred: ClassVar[str] = "updated_at"

    member_id: UUID
    updated_at: datetime
    category: str
    language: str
    muted: tuple[str, ...] = ()
    at_once: tuple[str, ...] = ()
    keep_history: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UserErased:
    """Who a member was is forgotten; the id leads nowhere any more."""

    type: ClassVar[str] = "user.erased"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "member:{member_id}"
    about: ClassVar[tuple[str, ...]] = ("member_id",)
    occurred: ClassVar[str] = "erased_at"

    member_id: UUID
    erased_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UserBlocked:
    """A member gets nothing more; `reason` is one of a few codes, never words."""

    type: ClassVar[str] = "user.blocked"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "member:{member_id}"
    about: ClassVar[tuple[str, ...]] = ("member_id",)
    occurred: ClassVar[str] = "blocked_at"

    member_id: UUID
    reason: str
    blocked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UserUnblocked:
    """Reasons for which a member was blocked are no more; others may still stand."""

    type: ClassVar[str] = "user.unblocked"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "member:{member_id}"
    about: ClassVar[tuple[str, ...]] = ("member_id",)
    occurred: ClassVar[str] = "unblocked_at"

    member_id: UUID
    reasons: tuple[str, ...]
    unblocked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UserExtended:
    """A membership has another last day: `expires_on`, or None for no end."""

    type: ClassVar[str] = "user.extended"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "member:{member_id}"
    about: ClassVar[tuple[str, ...]] = ("member_id",)
    occurred: ClassVar[str] = "extended_at"

    member_id: UUID
    expires_on: date | None
    extended_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryDescribed:
    """There is a category of members, or it has another name."""

    type: ClassVar[str] = "category.described"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "category:{code}"
    about: ClassVar[tuple[str, ...]] = ()
    occurred: ClassVar[str] = "described_at"

    code: str
    name: str
    described_at: datetime
