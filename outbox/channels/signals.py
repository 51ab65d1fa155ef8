"""
Receivers in this process: effect and outcome in one transaction.

Each receiver of a signal of OUTBOX['SIGNALS'] is a destination of its own,
under a stable name: its dispatch_uid, or its dotted path. A failing one does
not touch the others, and none runs for a change that was rolled back.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from django.conf import settings
from django.dispatch import Signal
from django.utils.module_loading import import_string

from outbox import log, schedule
from outbox.channels.contract import DELIVERED, Outcome, RouteTo
from outbox.context import acting
from outbox.models import Delivery, Route

NAME = "signals"
DEADLINE = schedule.deadline(10.0)
RETRIES = schedule.SIGNALS
IN_TRANSACTION = True
BATCH = 50
PER_DESTINATION = 50
LONGEST_NAME = 200  # characters of a receiver's
WORKERS = 3
GUARDED = False

Receiver = Callable[..., Any]
Concerned = Callable[[Any, "AskedFor"], Mapping[str, Any]]
"""Finds the rows that an event is about, as far as their names are asked for."""

AskedFor = Callable[[str], bool]

_NOBODYS = Signal()  # of an event that has none any more


@cache
def signals() -> Mapping[type[Any], Signal]:
    """Return the Django signal of each event class that has one."""
    path = settings.OUTBOX.get("SIGNALS")
    return import_string(f"{path}.SIGNALS") if path else {}


@cache
def rows_concerned() -> Concerned:
    """Return the function that finds the rows an event is about."""
    path = settings.OUTBOX.get("SIGNALS")
    return import_string(f"{path}.rows_concerned") if path else lambda event, named: {}


def routes() -> Iterable[RouteTo]:
    """Return one ordered route for each receiver of each signal."""
    for event_class, signal in signals().items():
        for name, _ in receivers_of(signal, sender=event_class):
            yield RouteTo(name, event_class.type, ordered=True)


def look_ahead(batch: Sequence[Delivery]) -> None:
    """Read the events of a batch."""
    log.look_ahead(batch)


def deliver(delivery: Delivery, ends: float) -> Outcome:
    """Call the one receiver this delivery is owed to."""
    row = log.row_of(delivery)
    event = log.decoded(row)
    signal = signals().get(type(event), _NOBODYS)
    receiver = dict(receivers_of(signal, sender=type(event))).get(delivery.destination)
    if receiver is None:
        return _gone(delivery, row.type)

    caused_by = (*row.metadata.get("caused_by", ()), delivery.destination)
    with acting(
        actor=f"receiver:{delivery.destination}",
        correlation_id=UUID(row.metadata["correlation_id"]),
        causation_id=row.id,
        caused_by=caused_by,
        traceparent=row.metadata.get("traceparent", ""),
    ):
        receiver(
            signal=signal,
            sender=type(event),
            event=event,
            **rows_concerned()(event, asked_for_by(receiver)),
        )
    return DELIVERED


def receivers_of(signal: Signal, *, sender: Any) -> Iterator[tuple[str, Receiver]]:
    """Yield (stable name, receiver) for those connected for this sender."""
    for (uid, sender_id), reference, is_async in list(signal.receivers or ()):
        receiver = reference() if isinstance(reference, weakref.ref) else reference
        if receiver is not None and sender_id in (id(None), id(sender)):
            yield stable_name(uid, receiver), _sync(receiver, is_async)


def asked_for_by(receiver: Receiver) -> AskedFor:
    """
    Return what tells whether a receiver asks for a row: its signature names it.

    One that names nothing of what it is told, as a wrapper may, is told everything.
    """
    try:
        parameters = inspect.signature(receiver).parameters.values()
    except (TypeError, ValueError):  # not every callable has one
        return lambda name: True
    named = {each.name for each in parameters if each.kind in _NAMED}
    return named.__contains__ if named - _ALWAYS_TOLD else lambda name: True


_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_ALWAYS_TOLD = {"signal", "sender"}


def stable_name(uid: object, receiver: Receiver) -> str:
    """Return a receiver's name: its dispatch_uid, or its dotted path."""
    if isinstance(uid, str):
        return uid
    function = getattr(receiver, "__func__", receiver)
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"


def _sync(receiver: Receiver, is_async: bool) -> Receiver:
    return async_to_sync(receiver) if is_async else receiver


def _gone(delivery: Delivery, event_type: str) -> Outcome:
    """Answer for a receiver this process does not have."""
    wanted = Route.objects.filter(
        channel=NAME,
        destination=delivery.destination,
        event_type=event_type,
        active=True,
    )
    # While a new version is rolled out, an old worker may meet a receiver that
    # only the new ones have: it waits for one of those. A removed receiver's
    # route is inactive, and nobody will ever take this delivery.
    return Outcome(
        delivered=False,
        name="receiver_unknown",
        final=not wanted.exists(),
        charged=not wanted.exists(),
        answer=f"no receiver is connected under {delivery.destination!r}",
    )
