"""Comparing what was owed with what arrived: pure, so that it can be tested."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from config.demo.owed import Effect, Letter, Owed, Post


@dataclass(frozen=True, slots=True)
class Arrival:
    """A copy of a message that somebody outside has noted before answering."""

    of: Post | Letter | None
    """What it is a copy of; None for what cannot be read."""
    same: str
    """What all copies of a message have in common: a body's hash, a Message-ID."""
    wrong: str = ""
    """What was wrong with it: with its signature, its body or its head."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """What became of a file's rows, by a count of our own and by the answer."""

    rows: int
    added: int
    known: int
    rejected: int
    reason: str = ""
    """The first row that was rejected, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is there in the end, by the ledgers and the tables of others."""

    events: Counter[str]
    positions: int
    last_position: int
    effects: Counter[Effect]
    posts: Sequence[Arrival]
    letters: Sequence[Arrival]
    ambiguous: Counter[Post | Letter]
    imports: Sequence[Import]
    killed_in_flight: int
    seconds: float


@dataclass(slots=True)
class Report:
    """The figures, and a sentence for everything that is not as it must be."""

    figures: dict[str, Any]
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    """What is as it may be, and worth knowing."""


def compare(owed: Owed, seen: Seen, *, kills: int = 1) -> Report:
    """
    Return the report; without problems everything was delivered as promised.

    Fewer kills in flight than `kills` are a problem, too: they prove less.
    """
    posts = Counter(arrival.of for arrival in seen.posts if not arrival.wrong)
    letters = Counter(arrival.of for arrival in seen.letters if not arrival.wrong)
    lost = (
        len(owed.effects - seen.effects.keys())
        + len(owed.posts - posts.keys())
        + len(owed.letters - letters.keys())
    )
    figures = {
        "books": owed.recorded["book.created"],
        "members": owed.recorded["user.registered"],
        "borrowed": owed.recorded["book.borrowed"],
        "returned": owed.recorded["book.returned"],
        "events": seen.events.total(),
        "positions": seen.positions,
        "killed_in_flight": seen.killed_in_flight,
        "signals": {"expected": len(owed.effects), "effects": seen.effects.total()},
        "webhooks": _on_the_wire(owed.posts, posts),
        "emails": _on_the_wire(owed.letters, letters),
        "ambiguous": seen.ambiguous.total(),
        "lost": lost,
        "seconds": round(seen.seconds, 1),
    }
    problems = [*_log_problems(owed, seen), *_problems(owed, seen)]
    if seen.killed_in_flight < kills:
        problems.append("no relay was killed with a delivery in its hands")
    remarks = [
        f"{each.rejected} of {each.rows} rows were rejected, first {each.reason}"
        for each in seen.imports
        if each.rejected
    ]
    return Report(figures, problems, remarks)


def _on_the_wire(owed: Collection[Any], arrived: Counter[Any]) -> dict[str, int]:
    return {
        "expected": len(owed),
        "distinct": len(arrived),
        "wire_duplicates": arrived.total() - len(arrived),
    }


def _log_problems(owed: Owed, seen: Seen) -> Iterator[str]:
    for event_type in sorted(owed.recorded.keys() | seen.events.keys()):
        answered, logged = owed.recorded[event_type], seen.events[event_type]
        if answered != logged:
            yield f"{event_type}: {answered} answered, {logged} in the log"
    if not seen.events.total() == seen.positions == seen.last_position:
        yield (
            f"{seen.events.total()} events have {seen.positions} positions, "
            f"the last of which is {seen.last_position}"
        )


def _problems(owed: Owed, seen: Seen) -> Iterator[str]:
    for each in seen.imports:
        if each.rows != each.added + each.known + each.rejected:
            yield (
                f"{each.rows} rows in the file, and {each.added} added, "
                f"{each.known} known, {each.rejected} rejected"
            )
    yield from _differences("effects", owed.effects, seen.effects)
    doubled = [effect for effect, count in seen.effects.items() if count > 1]
    yield from _some("effects doubled", doubled)
    yield from _wire_problems("webhooks", owed.posts, seen.posts, seen.ambiguous)
    yield from _wire_problems("emails", owed.letters, seen.letters, seen.ambiguous)


def _wire_problems(
    channel: str,
    owed: Collection[Post] | Collection[Letter],
    arrivals: Sequence[Arrival],
    ambiguous: Counter[Post | Letter],
) -> Iterator[str]:
    yield from _some(
        f"{channel} that are wrong",
        [f"{arrival.of}: {arrival.wrong}" for arrival in arrivals if arrival.wrong],
    )
    right = [arrival for arrival in arrivals if not arrival.wrong]
    arrived = Counter(arrival.of for arrival in right)
    yield from _differences(channel, owed, arrived)
    versions = Counter(of for of, _ in {(each.of, each.same) for each in right})
    yield from _some(
        f"{channel} whose copies differ",
        [of for of, count in versions.items() if count > 1],
    )
    yield from _some(
        f"{channel} with more copies than ambiguous attempts excuse",
        [of for of, copies in arrived.items() if of and copies - 1 > ambiguous[of]],
    )


def _differences(
    what: str, owed: Collection[Any], arrived: Counter[Any]
) -> Iterator[str]:
    yield from _some(f"{what} lost", set(owed) - arrived.keys())
    yield from _some(f"{what} nobody expected", arrived.keys() - set(owed))


def _some(what: str, cases: Collection[Any]) -> Iterator[str]:
    if cases:
        example = min(map(str, cases))
        yield f"{len(cases)} {what}, such as {example}"
