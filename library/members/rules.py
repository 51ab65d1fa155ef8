"""What a member may be: pure functions, values in, refusal out."""

from __future__ import annotations

from collections.abc import Iterable

from library.members.refusals import InvalidMember

CATEGORIES = ("reader", "student", "researcher")
LANGUAGES = ("en", "uz")


def category(given: str) -> str:
    """Return a category there is."""
    return _one_of(given, CATEGORIES, "category")


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
