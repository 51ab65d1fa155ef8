"""
The judgement on a drill: ledgers and tables in, figures and problems out. Pure.

The counters are those of a Jepsen test of a queue:

- attempted: commands the driver meant to give; acknowledged: those with an answer;
- delivered: what was owed by the answers and arrived (effects, posts, letters);
- lost: owed and not there; unexpected: there and owed by no answer;
- duplicated: effects in our own database beyond the first;
- recovered: delivered, although the command of the event had an unknown outcome at
  first, or an attempt of the message was lost, fenced or ambiguous.

Copies on the wire are counted apart: `wire_duplicates` are copies that were *taken*
beyond the first, of the same event at the same place; what was refused is no copy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from config.demo.owed import Answer, Owed, owed_for
from config.demo.report import Seen, compare

RECOVERS_WITHIN = 10.0  # seconds
EXPECTED_TROUBLE = ("OperationalError", "InterfaceError", "the driver was killed")


class Message(NamedTuple):
    """One thing owed: which channel, which event, to whom."""

    channel: str
    event: str
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is there in the end."""

    prepared: Sequence[Answer]
    """What was answered before the driver began."""
    intents: Sequence[Mapping[str, Any]]
    answers: Sequence[Mapping[str, Any]]
    trouble: Sequence[Mapping[str, Any]]
    seen: Seen
    tried_again: frozenset[Message]
    """What had an attempt that was lost, fenced or ambiguous."""
    statuses: Counter[str]
    audit: Sequence[str]
    recovery: float | None
    """Seconds from the last fault until nothing was owed; None: never."""


@dataclass(slots=True)
class Verdict:
    """The figures, and a sentence for everything that is not as it must be."""

    figures: dict[str, Any]
    problems: list[str] = field(default_factory=list)


def judge(evidence: Evidence) -> Verdict:
    """Return the verdict."""
    owed = owed_for([*evidence.prepared, *_accepted(evidence.answers)])
    seen = evidence.seen
    due, there = _messages_owed(owed), _messages_seen(seen)
    in_doubt = _events_in_doubt(evidence)
    delivered = due & there.keys()
    figures = {
        "attempted": len(evidence.intents),
        "acknowledged": len(evidence.answers),
        "delivered": len(delivered),
        "lost": len(due) - len(delivered),
        "unexpected": len(there.keys() - due),
        "duplicated": seen.effects.total() - len(seen.effects),
        "recovered": sum(
            each.event in in_doubt or each in evidence.tried_again for each in delivered
        ),
        "wire_duplicates": sum(
            count - 1 for each, count in there.items() if each.channel != "signals"
        ),
        "ambiguous": seen.ambiguous.total(),
        "recovery_seconds": evidence.recovery,
    }
    problems = [*compare(owed, seen, kills=0).problems, *_problems(evidence)]
    return Verdict(figures, problems)


def _accepted(answers: Sequence[Mapping[str, Any]]) -> list[Answer]:
    return [
        Answer(*(answer[name] for name in Answer._fields))
        for answer in answers
        if "refused" not in answer
    ]


def _messages_owed(owed: Owed) -> set[Message]:
    return {
        *(Message("signals", each.event, each.receiver) for each in owed.effects),
        *(Message("webhooks", each.event, each.endpoint) for each in owed.posts),
        *(Message("emails", each.event, each.email) for each in owed.letters),
    }


def _messages_seen(seen: Seen) -> Counter[Message]:
    there: Counter[Message] = Counter()
    for effect, count in seen.effects.items():
        there[Message("signals", effect.event, effect.receiver)] += count
    for arrival in seen.posts:
        to = getattr(arrival.of, "endpoint", "")
        there[Message("webhooks", getattr(arrival.of, "event", ""), to)] += 1
    for arrival in seen.letters:
        to = getattr(arrival.of, "email", "")
        there[Message("emails", getattr(arrival.of, "event", ""), to)] += 1
    return there


def _events_in_doubt(evidence: Evidence) -> set[str]:
    commands = {entry["command"] for entry in evidence.trouble}
    return {
        answer["event"]
        for answer in evidence.answers
        if answer["command"] in commands and "event" in answer
    }


def _problems(evidence: Evidence) -> list[str]:
    return [
        *_command_problems(evidence),
        *(
            f"{count} deliveries are {status}"
            for status, count in sorted(evidence.statuses.items())
            if status != "delivered"
        ),
        *evidence.audit,
        *_recovery_problems(evidence.recovery),
    ]


def _command_problems(evidence: Evidence) -> list[str]:
    meant = Counter(intent["command"] for intent in evidence.intents)
    told = Counter(answer["command"] for answer in evidence.answers)
    refused = [answer for answer in evidence.answers if "refused" in answer]
    strange = [
        entry["what"]
        for entry in evidence.trouble
        if not entry["what"].startswith(EXPECTED_TROUBLE)
    ]
    found = {
        "commands have no answer": len(meant - told),
        "answers have no command": len(told - meant),
        f"commands were refused, such as {refused[:1]}": len(refused),
        f"commands failed in a strange way, such as {strange[:1]}": len(strange),
    }
    return [f"{count} {what}" for what, count in found.items() if count]


def _recovery_problems(recovery: float | None) -> list[str]:
    if recovery is None:
        return ["it did not recover at all"]
    if recovery > RECOVERS_WITHIN:
        return [f"recovery took {recovery:.1f} s, more than {RECOVERS_WITHIN:g} s"]
    return []
