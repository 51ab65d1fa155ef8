"""What a member may be: pure functions, values in, refusal out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from library.members.refusals import InvalidMember, MemberBlocked, MemberExpired
from library.refusals import Refusal

CATEGORIES = ("reader", "student", "researcher", "staff")  # there are others beside
CATEGORY = r"[a-z0-9-]{1,20}"
LONGEST_NAME = 100
LANGUAGES = ("en", "uz")

# Codes, and a closed list: no place for words about a person.
BLOCKS = ("address", "card_lost", "conduct", "damage", "fees", "overdue", "other")


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """Until which day somebody is a member (None: no end), and why they are blocked."""

    member_id: UUID
    expires_on: date | None = None
    blocked: Sequence[str] = ()

    def against(self, today: date) -> Iterator[Refusal]:
        """Yield what of it speaks against lending or keeping anything today."""
        if self.expires_on is not None and self.expires_on < today:
            yield MemberExpired(self.member_id, self.expires_on)
        if self.blocked:
            yield MemberBlocked(self.member_id, self.blocked)


def category(given: str, made: Collection[str] = ()) -> str:
    """Return a category there is: of everybody's, or of those that the desk made."""
    if given in CATEGORIES or given in made:
        return given
    return _one_of(given, (*CATEGORIES, *made), "category")


def category_code(given: str) -> str:
    """Return a code that a category can have."""
    if not re.fullmatch(CATEGORY, given):
        raise InvalidMember(
            f"{given[:60]!r} is no code of a category. Use up to 20 of a-z, 0-9 and -.",
            field="code",
        )
    return given


def category_name(given: str) -> str:
    """Return what a category is called, without surrounding blanks."""
    name = given.strip()
    if not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidMember(
            f"The name of a category has 1 to {LONGEST_NAME} characters. Enter one.",
            field="name",
        )
    return name


def block(given: str) -> str:
    """Return a reason for blocking there is."""
    return _one_of(given, BLOCKS, "reason")


def last_day(given: date | None, today: date) -> date | None:
    """Return the last day of a membership, which is not over yet; None: no end."""
    if given is not None and given < today:
        raise InvalidMember(
            f"{given} is over. Give a day that is to come, or block the member.",
            field="until",
        )
    return given


def language(given: str) -> str:
    """Return a language that letters are written in."""
    return _one_of(given, LANGUAGES, "language")


def muted(given: Iterable[str], kinds: Iterable[str]) -> tuple[str, ...]:
    """Return the kinds of letters a member does not want, sorted."""
    return _kinds(given, kinds, "muted")


def at_once(given: Iterable[str], kinds: Iterable[str]) -> tuple[str, ...]:
    """Return the kinds a member wants each by itself, not in a digest, sorted."""
    return _kinds(given, kinds, "at_once")


def _kinds(given: Iterable[str], kinds: Iterable[str], field: str) -> tuple[str, ...]:
    known = tuple(sorted(kinds))
    return tuple(sorted({_one_of(kind, known, field) for kind in given}))


def _one_of(given: str, known: tuple[str, ...], field: str) -> str:
    if given not in known:
        raise InvalidMember(
            f"{given!r} is not one of {', '.join(known)}. Choose one of these.",
            field=field,
        )
    return given
