"""
The types of events as the world may know them: JSON Schema and an example of each.

Made from the event classes and the message that is really sent, so that neither can
say anything else. A field with a default came later than its type, or may come to:
an older message lacks it, so none of them is required. More fields may come.

A module of events may name values for its fields in EXAMPLES; the others are made up.
"""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Mapping
from datetime import UTC, date, datetime
from importlib import import_module
from typing import Any, Union
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson

from outbox import appending, codec
from outbox.codec import DomainEvent
from outbox.models import Event

Json = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

MOMENT = datetime(2026, 3, 2, 10, tzinfo=UTC)
MADE_UP: Mapping[type, Any] = {
    str: "text",
    bool: True,
    int: 1,
    float: 0.5,
    datetime: MOMENT,
    date: MOMENT.date(),
}
SCHEMAS: Mapping[type, Json] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    UUID: {"type": "string", "format": "uuid"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
}


def described(event_class: type[DomainEvent]) -> Json:
    """Return what there is to know of a type."""
    text = inspect.getdoc(event_class) or ""
    return {
        "type": event_class.type,
        "schema_version": event_class.schema_version,
        "description": text.partition("\n\n")[0].replace("\n", " "),
        "schema": schema(event_class),
        "example": example(event_class),
    }


def schema(event_class: type[DomainEvent]) -> Json:
    """Return the JSON Schema of a type's public message, `appending.public_message`."""
    properties: Json = {
        "specversion": {"const": "1.0"},
        "id": SCHEMAS[UUID],
        "type": {"const": event_class.type},
        "source": {"type": "string", "format": "uri"},
        "subject": {"type": "string"},
        "time": SCHEMAS[datetime],
        "version": {"type": "integer", "minimum": 1},
        "datacontenttype": {"const": "application/json"},
        "data": _of_data(event_class),
    }
    return {
        "$schema": DIALECT,
        "title": event_class.type,
        "type": "object",
        "properties": properties,
        "required": list(properties),
    }


def example(event_class: type[DomainEvent]) -> Json:
    """Return a message as it would be sent."""
    event = made_up(event_class)
    row = Event(
        id=_id("event"),
        stream=codec.stream_of(event),
        version=1,
        type=event.type,
        schema_version=event.schema_version,
        data=codec.encode(event),
        occurred_at=codec.occurred_at(event) or MOMENT,
    )
    message: Json = orjson.loads(appending.public_message(row))
    return message


def _of_data(event_class: type[DomainEvent]) -> Json:
    hints = typing.get_type_hints(event_class)
    fields = dataclasses.fields(event_class)
    return {
        "type": "object",
        "properties": {each.name: _of_value(hints[each.name]) for each in fields},
        "required": [each.name for each in fields if not _has_default(each)],
    }


def _of_value(hint: Any) -> Json:
    """Return the schema of what `codec` makes of a value with this type."""
    if inner := _optional(hint):
        return {"anyOf": [_of_value(inner), {"type": "null"}]}
    if typing.get_origin(hint) is tuple:
        return {"type": "array", "items": _of_value(typing.get_args(hint)[0])}
    return SCHEMAS[hint]


def made_up(event_class: type[DomainEvent]) -> DomainEvent:
    """Return an event of a type, with every field filled in."""
    hints = typing.get_type_hints(event_class)
    named = getattr(import_module(event_class.__module__), "EXAMPLES", {})
    return event_class(
        **{
            each.name: named[each.name]
            if each.name in named
            else _value(hints[each.name], each.name)
            for each in dataclasses.fields(event_class)
        }
    )


def _value(hint: Any, name: str) -> Any:
    if inner := _optional(hint):
        return _value(inner, name)
    if typing.get_origin(hint) is tuple:
        return (_value(typing.get_args(hint)[0], name),)
    return _id(name) if hint is UUID else MADE_UP[hint]


def _optional(hint: Any) -> Any:
    """Return X of `X | None`, and None for any other hint."""
    if typing.get_origin(hint) not in (Union, types.UnionType):
        return None
    (inner,) = (each for each in typing.get_args(hint) if each is not type(None))
    return inner


def _has_default(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is not missing or field.default_factory is not missing


def _id(name: str) -> UUID:
    """Return the same id for the same name, so that examples fit one another."""
    return uuid5(NAMESPACE_URL, name)
