"""The facts of lending. Plain Python; never edited once released."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyBorrowed:
    """
    A copy left with a member.

    `due_at` and the numbers of the policy are said here and never worked out
    again: a later change of policy must not rewrite history.
    """

    type: ClassVar[str] = "book.borrowed"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "copy:{copy_id}"
    about: ClassVar[tuple[str, ...]] = ("loan_id", "copy_id", "book_id", "member_id")
    occurred: ClassVar[str] = "borrowed_at"

    loan_id: UUID
    copy_id: UUID
    book_id: UUID
    member_id: UUID
    borrowed_at: datetime
    due_at: datetime
    loan_days: int
    loan_limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyReturned:
    """A copy came back, whoever brought it."""

    type: ClassVar[str] = "book.returned"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "copy:{copy_id}"
    about: ClassVar[tuple[str, ...]] = ("loan_id", "copy_id", "book_id", "member_id")
    occurred: ClassVar[str] = "returned_at"

    loan_id: UUID
    copy_id: UUID
    book_id: UUID
    member_id: UUID
    returned_at: datetime
