"""
What the demo expects: made of the answers the driver got, and of nothing else.

Which event is owed to whom is written here a second time, by hand. Reading it from
the table of routes would only prove that the relay agrees with itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

LOANS = ("book.borrowed", "book.returned")

# Which receivers of `config.demo.inside` hear of an event.
RECEIVERS = {
    "book.created": ("count_created",),
    "user.registered": ("count_registered",),
    "book.borrowed": ("count_borrowed", "thank"),
    "book.returned": ("count_returned",),
}
ENDPOINTS = {"all": ("*",), "loans": LOANS}
LETTERS = frozenset({"user.registered", *LOANS})


class Answer(NamedTuple):
    """What an operation answered: the event, and whom it is about."""

    event: str
    type: str
    email: str = ""
    about: str = ""
    """The id of what it is about: a book, a member, a loan."""


class Effect(NamedTuple):
    """A receiver's effect: on which event, and what the event told the receiver."""

    event: str
    receiver: str
    type: str
    about: str


class Post(NamedTuple):
    """An event at an endpoint."""

    event: str
    endpoint: str
    type: str


class Letter(NamedTuple):
    """A letter to somebody about an event."""

    event: str
    email: str


@dataclass(frozen=True, slots=True)
class Owed:
    """What has to have arrived in the end, and nothing besides."""

    recorded: Counter[str]
    effects: frozenset[Effect]
    posts: frozenset[Post]
    letters: frozenset[Letter]


def owed_for(answers: Iterable[Answer]) -> Owed:
    """Return what these answers oblige the relay to."""
    answers = list(answers)
    return Owed(
        recorded=Counter(answer.type for answer in answers),
        effects=frozenset(
            Effect(answer.event, receiver, answer.type, answer.about)
            for answer in answers
            for receiver in RECEIVERS.get(answer.type, ())
        ),
        posts=frozenset(
            Post(answer.event, endpoint, answer.type)
            for answer in answers
            for endpoint, types in ENDPOINTS.items()
            if answer.type in types or "*" in types
        ),
        letters=frozenset(
            Letter(answer.event, answer.email)
            for answer in answers
            if answer.type in LETTERS
        ),
    )
