"""
Events to JSON and back; upcasting of retired shapes.

An event class is a frozen dataclass of plain values that declares, as class
variables, its `type` (dotted, stable for ever), `schema_version`, `stream`
("copy:{copy_id}") and `about` (the fields that hold the ids it concerns). It
imports nothing of ours: what is read here is found by name.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache, singledispatch
from importlib import import_module
from typing import Any, ClassVar, Protocol, Union, cast
from uuid import UUID

import orjson
from django.conf import settings

from outbox import ids
from outbox.errors import UnencodableEvent, UnknownEventType


class DomainEvent(Protocol):
    """What the outbox expects of an event class."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    type: ClassVar[str]
    schema_version: ClassVar[int]
    stream: ClassVar[str]
    about: ClassVar[tuple[str, ...]]


Upcast = Callable[[dict[str, Any]], dict[str, Any]]


@cache
def event_types() -> Mapping[str, type[DomainEvent]]:
    """Return every event class by its type, from the modules of OUTBOX['EVENTS']."""
    classes: dict[str, type[DomainEvent]] = {}
    for path in settings.OUTBOX["EVENTS"]:
        for value in vars(import_module(path)).values():
            if isinstance(value, type) and dataclasses.is_dataclass(value):
                event_class = cast("type[DomainEvent]", value)
                classes.setdefault(event_class.type, event_class)
    return classes


@cache
def upcasts() -> Mapping[tuple[str, int], Upcast]:
    """Return the steps (type, from version) -> raw data of the next version."""
    steps: dict[tuple[str, int], Upcast] = {}
    for path in settings.OUTBOX["EVENTS"]:
        steps |= getattr(import_module(path), "UPCASTS", {})
    return steps


@cache
def renamed() -> Mapping[str, str]:
    """Return what types that were renamed are called today."""
    names: dict[str, str] = {}
    for path in settings.OUTBOX["EVENTS"]:
        names |= getattr(import_module(path), "RENAMED", {})
    return names


def stored_as(event_type: str) -> list[str]:
    """Return the names under which events of a type are stored, today's first."""
    return [event_type, *(old for old, new in renamed().items() if new == event_type)]


def class_of(event_type: str) -> type[DomainEvent]:
    """Return the class of a type; raise UnknownEventType where there is none."""
    try:
        return event_types()[renamed().get(event_type, event_type)]
    except KeyError:
        raise UnknownEventType(event_type) from None


def stream_of(event: DomainEvent) -> str:
    """Return the stream an event belongs to, such as "copy:0190…"."""
    kind, field = _stream(event.stream)
    return f"{kind}:{getattr(event, field)}"


@cache
def _stream(form: str) -> tuple[str, str]:
    kind, _, field = form.partition(":")
    return kind, field.strip("{}")


def about(event: DomainEvent) -> list[UUID]:
    """Return the distinct ids an event concerns, in the order declared."""
    ids = [getattr(event, name) for name in event.about]
    return list(dict.fromkeys(each for each in ids if each is not None))


def occurred_at(event: DomainEvent) -> datetime | None:
    """Return when the event happened by its own word, if it says so."""
    name = getattr(event, "occurred", None)
    return getattr(event, name) if name else None


def encode(event: DomainEvent) -> dict[str, Any]:
    """
    Return an event's fields as JSON values.

    Raises UnencodableEvent for what PostgreSQL or JSON cannot hold: a NUL
    character, a lone surrogate, a naive datetime, an unforeseen type.
    """
    try:
        data = {
            name: _as_plain(getattr(event, name)) for name in _field_names(type(event))
        }
        orjson.dumps(data)
    except (TypeError, ValueError) as error:
        raise UnencodableEvent(event.type, str(error)) from None
    return data


def decode(event_type: str, version: int, data: dict[str, Any]) -> DomainEvent:
    """Return the event a stored row stands for, brought to today's shape."""
    event_class = class_of(event_type)
    while version < event_class.schema_version:
        data = upcasts()[event_class.type, version](data)
        version += 1
    if version > event_class.schema_version:
        raise UnknownEventType(f"{event_type} version {version}")
    values = dict(data)
    for name, read in _readers(event_class):
        if name in values:
            values[name] = read(values[name])
    return event_class(**values)


def is_readable(event_type: str, version: int) -> bool:
    """Tell whether there is a way from a stored shape to today's class."""
    try:
        event_class = class_of(event_type)
    except UnknownEventType:
        return False
    steps = range(version, event_class.schema_version)
    return version <= event_class.schema_version and all(
        (event_class.type, step) in upcasts() for step in steps
    )


@cache
def _field_names(event_class: type[DomainEvent]) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(event_class))


def _as_plain(value: Any) -> Any:
    return _writer(type(value))(value)  # type: ignore[arg-type] # types are hashable


@cache
def _writer(kind: type) -> Callable[[Any], Any]:
    return _plain.dispatch(kind)


@singledispatch
def _plain(value: object) -> Any:
    raise ValueError(f"{type(value).__name__} is not a plain value")


@_plain.register(type(None))
@_plain.register(int)
@_plain.register(float)
def _(value: float | None) -> float | None:
    return value


@_plain.register
def _(value: str) -> str:
    if "\0" in value:
        raise ValueError("a text contains a NUL character")
    return value


@_plain.register
def _(value: UUID) -> str:
    return str(value)


@_plain.register
def _(value: date) -> str:
    return value.isoformat()


@_plain.register
def _(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError(f"{value} has no time zone")
    return value.astimezone(UTC).isoformat()


@_plain.register(tuple)
@_plain.register(list)
def _(value: Sequence[Any]) -> list[Any]:
    return [_as_plain(each) for each in value]


@cache
def _readers(
    event_class: type[DomainEvent],
) -> Sequence[tuple[str, Callable[[Any], Any]]]:
    """Return how those fields are read that are not what they are in JSON."""
    hints = typing.get_type_hints(event_class)
    readers = (
        (field.name, _reader(hints[field.name]))
        for field in dataclasses.fields(event_class)
    )
    return tuple((name, read) for name, read in readers if read is not None)


def _reader(hint: Any) -> Callable[[Any], Any] | None:
    """Return what turns a JSON value into what the hint names; None: it is that."""
    origin = typing.get_origin(hint)
    if origin in (Union, types.UnionType):
        (inner,) = (arg for arg in typing.get_args(hint) if arg is not type(None))
        return _unless_none(_reader(inner))
    if origin is tuple:
        each = _reader(typing.get_args(hint)[0])
        return tuple if each is None else lambda values: tuple(map(each, values))
    if hint is datetime or hint is date:
        return hint.fromisoformat
    return ids.read if hint is UUID else None


def _unless_none(
    read: Callable[[Any], Any] | None,
) -> Callable[[Any], Any] | None:
    return read and (lambda value: None if value is None else read(value))
