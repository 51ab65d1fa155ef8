"""What is said of the types of events is what is sent."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import ClassVar
from uuid import UUID, uuid4

import pytest
from django_outbox_pattern.models import Published
from jsonschema import Draft202012Validator

from outbox import catalogue, codec

RELEASED = Path(__file__).parents[1] / "released_events"
CHECKER = Draft202012Validator.FORMAT_CHECKER


def is_valid(schema, value):
    return Draft202012Validator(schema, format_checker=CHECKER).is_valid(value)


@pytest.fixture(params=codec.event_types())
def event_class(request):
    """Each class of events there is."""
    return codec.event_types()[request.param]


def test_a_schema_is_a_json_schema_and_the_example_follows_it(event_class):
    described = catalogue.described(event_class)

    Draft202012Validator.check_schema(described["schema"])
    assert is_valid(described["schema"], described["example"])
    assert described["example"]["type"] == event_class.type


def test_an_example_can_be_read(event_class):
    data = catalogue.example(event_class)["data"]

    event = codec.decode(event_class.type, event_class.schema_version, data)

    assert codec.encode(event) == data


@pytest.mark.parametrize("name", sorted(path.name for path in RELEASED.iterdir()))
def test_a_released_event_follows_the_schema_of_its_type(name):
    event_type, _, version = name.removesuffix(".json").rpartition(".v")
    data = json.loads((RELEASED / name).read_text())
    schema = catalogue.schema(codec.class_of(event_type))["properties"]["data"]

    if int(version) < codec.class_of(event_type).schema_version:
        data = codec.encode(codec.decode(event_type, int(version), data))

    assert is_valid(schema, data)


def test_what_is_really_sent_follows_the_schema(a_loan, db):
    a_loan()

    messages = [json.loads(row.body) for row in Published.objects.all()]

    assert {each["type"] for each in messages} >= {"book.created", "book.borrowed"}
    for message in messages:
        schema = catalogue.schema(codec.class_of(message["type"]))
        assert is_valid(schema, message)
        assert list(message) == schema["required"]


def test_a_schema_takes_no_other_message(event_class):
    schema, right = catalogue.schema(event_class), catalogue.example(event_class)

    for name in schema["required"]:
        assert not is_valid(schema, without(right, name))
    for name in schema["properties"]["data"]["properties"]:
        wrong = deepcopy(right)
        wrong["data"][name] = {"something": "else"}
        assert not is_valid(schema, wrong)
    for name in schema["properties"]["data"]["required"]:
        wrong = right | {"data": without(right["data"], name)}
        assert not is_valid(schema, wrong)


def without(message, name):
    return {key: value for key, value in message.items() if key != name}


EXAMPLES = {"word": "kitob"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EveryKind:
    """Something with a field of every kind that an event may have."""

    type: ClassVar[str] = "every.kind"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "thing:{thing_id}"
    about: ClassVar[tuple[str, ...]] = ("thing_id",)

    thing_id: UUID
    other_id: UUID | None
    word: str
    on: date
    share: float
    sure: bool
    days: tuple[date, ...]
    added_later: int = 3


def test_every_kind_of_field_has_a_schema_and_a_value():
    schema = catalogue.schema(EveryKind)["properties"]["data"]
    data = catalogue.example(EveryKind)["data"]

    assert is_valid(schema, data)
    assert data["word"] == "kitob"
    assert "added_later" not in schema["required"]
    assert is_valid(schema, {**data, "other_id": None, "not_known_yet": 1})
    assert not is_valid(schema, {**data, "thing_id": "not an id"})
    assert not is_valid(schema, {**data, "days": "2026-03-02"})
    assert not is_valid(schema, {**data, "days": [1]})
    assert is_valid(schema, {**data, "other_id": str(uuid4()), "days": []})
