from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID, uuid4

import pytest

from outbox import codec, log
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


def test_a_type_that_nobody_knows_is_named():
    with pytest.raises(UnknownEventType, match=r"'no\.such'"):
        codec.decode("no.such", 1, {})


def test_the_history_of_an_id_is_all_that_concerns_it(db, a_loan, now):
    loan = a_loan()
    a_loan()

    of_book = [each.event.type for each in log.history(about=loan.book_id)]

    assert of_book == ["book.created", "copy.added", "book.borrowed"]
    assert Event.objects.count() == 8
