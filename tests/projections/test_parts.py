from __future__ import annotations

from collections import Counter
from uuid import uuid4

import pytest
from django.db import connection

from library.lending.state import loans
from outbox import codec, sequencer
from projections import as_of, reading
from projections.parts import Part
from projections.questions.availability import availability
from projections.questions.due_loans import due_loans
from projections.verify import differences


@pytest.mark.parametrize("of", [1, 2, 3, 4])
def test_each_key_is_in_one_part(of):
    parts = [Part(number, of) for number in range(of)]
    keys = [uuid4() for _ in range(200)] + ["", "a word", (uuid4(), 3), None, 7]

    homes = [[part for part in parts if part.holds(key)] for key in keys]

    assert all(len(home) == 1 for home in homes)


def test_the_parts_are_about_equal():
    counts = Counter(Part(0, 2).holds(uuid4()) for _ in range(2000))

    assert counts[True] == pytest.approx(1000, abs=200)


@pytest.mark.parametrize("fold", [due_loans, availability], ids=lambda fold: fold.name)
def test_the_database_sends_each_part_its_own_events_and_no_others(db, a_loan, fold):
    for _ in range(20):
        a_loan()
    sequencer.sequence_all()
    end = reading.last_position()

    for part in (Part(0, 2), Part(1, 2)):
        facts = reading.placed(fold, part, after=0, upto=end)
        keys = [key for fact in facts for key, _ in fold.changes(fact.event())]

        assert keys
        assert all(map(part.holds, keys))


def test_events_without_a_position_are_read_apart(db, a_loan):
    a_loan()
    sequencer.sequence_all()
    late = a_loan()

    facts = reading.unplaced(due_loans, Part())

    assert [fact.event() for fact in facts] == [late]


@pytest.fixture
def a_loan_of_old(db, a_loan, monkeypatch):
    """Lend a copy when that still had another name."""
    loan = a_loan()
    sequencer.sequence_all()
    monkeypatch.setattr(codec, "renamed", lambda: {"book.lent": "book.borrowed"})
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "UPDATE outbox_event SET type = 'book.lent' WHERE type = 'book.borrowed'"
        )
    return loan


def test_what_reads_a_renamed_type_finds_what_is_stored_under_its_old_name(
    a_loan_of_old,
):
    end, key = reading.last_position(), a_loan_of_old.loan_id

    for part in (Part(), Part(0, 2), Part(1, 2)):
        facts = reading.placed(due_loans, part, after=0, upto=end)
        found = [fact.event() for fact in facts]
        assert found == ([a_loan_of_old] if part.holds(key) else [])
    assert as_of.row(due_loans, key, upto=end)
    assert not differences(loans)
