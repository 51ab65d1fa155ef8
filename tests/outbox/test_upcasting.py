from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID, uuid4

import pytest

from outbox import checks, codec, log
from outbox.errors import UnknownEventType
from outbox.models import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A fact that had a `number` in version 1, and two shapes since."""

    type: ClassVar[str] = "test.counted"
    schema_version: ClassVar[int] = 3
    stream: ClassVar[str] = "count:{count_id}"
    about: ClassVar[tuple[str, ...]] = ("count_id",)

    count_id: UUID
    amount: int
    unit: str


@pytest.fixture
def _retired_shapes(monkeypatch):
    steps = {
        ("test.counted", 1): lambda data: {
            "count_id": data["count_id"],
            "amount": data["number"],
        },
        ("test.counted", 2): lambda data: {**data, "unit": "books"},
    }
    monkeypatch.setattr(codec, "upcasts", lambda: steps)
    monkeypatch.setattr(codec, "event_types", lambda: {"test.counted": Counted})


@pytest.mark.usefixtures("_retired_shapes")
def test_a_retired_shape_is_brought_to_todays_step_by_step():
    count_id = uuid4()

    event = codec.decode("test.counted", 1, {"count_id": str(count_id), "number": 3})

    assert event == Counted(count_id=count_id, amount=3, unit="books")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tallied(Counted):
    """What a count is called today."""

    type: ClassVar[str] = "test.tallied"


@pytest.fixture
def _renamed(_retired_shapes, monkeypatch):
    steps = {
        ("test.tallied", version): step
        for (_, version), step in codec.upcasts().items()
    }
    monkeypatch.setattr(codec, "upcasts", lambda: steps)
    monkeypatch.setattr(codec, "renamed", lambda: {"test.counted": "test.tallied"})
    monkeypatch.setattr(codec, "event_types", lambda: {"test.tallied": Tallied})


@pytest.mark.usefixtures("_renamed")
def test_a_type_that_was_renamed_is_read_by_both_names():
    data = {"count_id": str(uuid4()), "number": 3}

    before, after = (
        codec.decode(name, 1, data) for name in ("test.counted", "test.tallied")
    )

    assert before == after
    assert type(before) is Tallied


@pytest.mark.usefixtures("_renamed")
@pytest.mark.parametrize(
    ("event_type", "version", "readable"),
    [
        ("test.counted", 1, True),
        ("test.tallied", 3, True),
        ("test.tallied", 4, False),
        ("test.tallied", 0, False),
        ("no.such", 1, False),
    ],
)
def test_a_shape_is_readable_if_there_is_a_way_to_todays(event_type, version, readable):
    assert codec.is_readable(event_type, version) is readable


def test_a_stored_shape_that_nobody_can_read_is_found_when_the_database_is_migrated(
    db, a_book, monkeypatch
):
    a_book()
    sound = checks.check_stored_shapes(databases=["default"])
    monkeypatch.setattr(codec, "event_types", dict)

    (found,) = checks.check_stored_shapes(databases=["default"])

    assert sound == []
    assert found.id == "outbox.E008"
    assert "version 1 of 'book.created'" in found.msg
    assert checks.check_stored_shapes(databases=None) == []


def test_a_type_that_nobody_knows_is_named():
    with pytest.raises(UnknownEventType, match=r"'no\.such'"):
        codec.decode("no.such", 1, {})


def test_the_history_of_an_id_is_all_that_concerns_it(db, a_loan, now):
    loan = a_loan()
    a_loan()

    of_book = [each.event.type for each in log.history(about=loan.book_id)]

    assert of_book == ["book.created", "copy.added", "book.borrowed"]
    assert Event.objects.count() == 8
