"""
Letters: which there are, and to whom an event owes one.

A letter is owed once per (event, recipient, letter). The delivery fanned out
for it only expands: it inserts one child for each recipient, on the channel
`emails`, in the transaction that settles it. Whether the member wants the
letter is asked later, when it is sent: wishes change in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parseaddr
from functools import cache, partial
from importlib import import_module
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from outbox import log, nudge, schedule
from outbox.channels.contract import DELIVERED, Outcome, RouteTo
from outbox.codec import DomainEvent
from outbox.models import Delivery, Route
from outbox.points import point

NAME = "letters"
DEADLINE = schedule.deadline(10.0)
RETRIES = schedule.LETTERS
IN_TRANSACTION = True
BATCH = 50
PER_DESTINATION = 50
WORKERS = 3
GUARDED = False

CHILDREN = "emails"


@dataclass(frozen=True, slots=True)
class Letter:
    """
    What to write to whom about an event.

    `template` names a file without its language: "letters/loan_receipt" is
    `letters/loan_receipt.en.html` and `.uz.html`. `recipients` is asked when
    the letter is expanded, `context` when it is written: both may query. `kind`
    is what a member mutes, the name unless several letters share one; a
    `mandatory` letter is sent to those who muted it, too. One that is said to leave
    `at_most_once` is not tried again where it may have left: it waits for a person.

    A `digest` tells of many things in one letter. Members who want to hear of each at
    once get the other letters of its kind in its place.

    Before each attempt `until` is asked up to when the letter is worth sending, and
    `holds` whether what it says still is so. One that is too late ends in peace.
    """

    name: str
    event: type[DomainEvent]
    template: str
    recipients: Callable[[Any], Sequence[UUID]]
    context: Callable[[Any], dict[str, Any]]
    mandatory: bool = False
    at_most_once: bool = False
    until: Callable[[Any], datetime] | None = None
    holds: Callable[[Any], bool] | None = None
    digest: bool = False
    kind: str = ""
    title: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What its kind is called in each language, where a member chooses."""
    sample: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """A context to show the letter with, before anything has happened."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", self.kind or self.name)


@cache
def letters() -> tuple[Letter, ...]:
    """Return every letter declared in the modules of OUTBOX['LETTERS']."""
    found = (
        value
        for path in settings.OUTBOX["LETTERS"]
        for value in vars(import_module(path)).values()
        if isinstance(value, Letter)
    )
    return tuple(dict.fromkeys(found))


def named(name: str) -> Letter | None:
    """Return the letter with this name, if this process has it."""
    return next((letter for letter in letters() if letter.name == name), None)


def optional_kinds() -> tuple[str, ...]:
    """Return the kinds of letters a member may mute, sorted."""
    return tuple(sorted(titles()))


def digest_kinds() -> frozenset[str]:
    """Return the kinds that come as a digest, unless a member wants each at once."""
    return frozenset(each.kind for each in letters() if each.digest)


def titles() -> dict[str, Mapping[str, str]]:
    """Return what each kind that a member may mute is called, by language."""
    return {each.kind: each.title for each in letters() if not each.mandatory}


def routes() -> Iterable[RouteTo]:
    """Return one route for each letter."""
    for letter in letters():
        yield RouteTo(letter.name, letter.event.type)


def look_ahead(batch: Sequence[Delivery]) -> None:
    """Read the events of a batch."""
    log.look_ahead(batch)


def deliver(delivery: Delivery, ends: float) -> Outcome:
    """Owe the letter to each of its recipients."""
    letter = named(delivery.destination)
    if letter is None:
        return unknown(delivery)
    _owe(letter, [delivery])
    return DELIVERED


def deliver_all(batch: Sequence[Delivery], ends: float) -> Outcome | None:
    """Owe a letter to all that a batch of its deliveries is for; None if that fails."""
    letter = named(batch[0].destination)
    if letter is None:
        return None
    _owe(letter, batch)
    return DELIVERED


def _owe(letter: Letter, batch: Sequence[Delivery]) -> None:
    to = {
        each.id: dict.fromkeys(map(str, letter.recipients(log.event_of(each))))
        for each in batch
    }
    owed = [(each, recipient) for each in batch for recipient in to[each.id]]
    with connection.cursor() as cursor:
        cursor.execute(
            _EXPAND,
            {
                "events": [each.event_id for each, _ in owed],
                "positions": [each.position for each, _ in owed],
                "recipients": [recipient for _, recipient in owed],
                "channel": CHILDREN,
                "destination": letter.name,
                "domain": _domain(),
            },
        )
        cursor.execute(
            _COUNT,
            {"ids": list(to), "children": [len(each) for each in to.values()]},
        )
    transaction.on_commit(partial(nudge.more_owed, CHILDREN), robust=True)
    point("after_children_before_settle")


def unknown(delivery: Delivery) -> Outcome:
    """Answer for a letter this process does not have."""
    # As for signals: while a new version is rolled out an old worker may meet
    # a letter that only the new ones know, and leaves it to them. The route of
    # a letter that was taken out is inactive: nobody will ever write it.
    routed = Route.objects.filter(
        channel=NAME, destination=delivery.destination, active=True
    ).exists()
    return Outcome(
        delivered=False,
        name="letter_unknown",
        final=not routed,
        charged=not routed,
        answer=f"no letter is named {delivery.destination!r}",
    )


def _domain() -> str:
    """Return the right side of our Message-IDs: the domain we write from."""
    _, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    return address.rpartition("@")[2] or "localhost"


# The Message-ID is made of the child's own id (two recipients are two messages)
# and stands in the row before the first attempt: every copy that is ever sent
# carries the same one. A second expansion finds its children there.
_EXPAND = """
INSERT INTO outbox_delivery
    (id, event_id, position, channel, destination, recipient, message_id)
SELECT child.id, child.event_id, child.position, %(channel)s, %(destination)s,
    child.recipient,
    format('<%%s.%%s@%%s>', child.id, replace(child.event_id::text, '-', ''),
        %(domain)s)
FROM (
    SELECT nextval(pg_get_serial_sequence('outbox_delivery', 'id')) AS id, owed.*
    FROM unnest(
        %(events)s::uuid[], %(positions)s::bigint[], %(recipients)s::text[]
    ) AS owed (event_id, position, recipient)
) AS child
ON CONFLICT (event_id, channel, destination, recipient) DO NOTHING
"""
_COUNT = """
UPDATE outbox_delivery d SET children = n.children
FROM unnest(%(ids)s::bigint[], %(children)s::int[]) AS n (id, children)
WHERE d.id = n.id AND d.id = ANY (%(ids)s::bigint[])
"""
