"""The facts about members: ids, codes and dates only, never a name or address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

EXAMPLES = {
    "category": "student",
    "language": "uz",
    "muted": ("return_receipt",),
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
