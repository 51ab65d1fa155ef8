from __future__ import annotations

import json
import os
import random
from datetime import timedelta
from typing import get_type_hints
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import models

from library.catalog import books
from library.lending import loans
from outbox import catalogue, codec, sequencer
from outbox.errors import AsOfTooWide
from outbox.models import Position
from projections import as_of, feed, reading, registry
from projections.errors import NotYetSo
from projections.models import Shelf
from projections.questions import past
from projections.questions.availability import availability
from projections.questions.due_loans import due_loans
from projections.questions.shelves import shelves
from projections.replay import Replay

POINTS = int(os.environ.get("AS_OF_POINTS", "200"))


@pytest.fixture
def some_days(db, a_book, a_copy, a_member, now):
    """Let a small library do this and that for some days, drawn by lot."""
    chance = random.Random(3)
    titles = [a_book(title=f"Book {number}") for number in range(3)]
    stock = [a_copy(chance.choice(titles)) for _ in range(5)]
    members = [a_member() for _ in range(3)]
    at_home = {}
    for hour in range(60):
        moment = now + timedelta(hours=hour)
        copy_id = chance.choice(stock)
        if copy_id in at_home:
            del at_home[copy_id]
            loans.return_copy(copy_id=copy_id, now=moment)
        elif hour % 10 == 9:
            book_id = chance.choice(titles)
            retitle(book_id, f"Title {hour}", moment)
        else:
            member_id = chance.choice(members)
            open_loans = list(at_home.values()).count(member_id)
            if open_loans < 3:
                at_home[copy_id] = member_id
                loans.borrow_copy(copy_id=copy_id, member_id=member_id, now=moment)
    sequencer.sequence_all()
    feed.catch_up_all()
    return members


def retitle(book_id, title, now):
    books.correct_book(book_id=book_id, title=title, authors=("Kimdir",), now=now)


def has_ids_as_keys(fold):
    first = fold.model._meta.get_field(fold.key_columns[0])
    return isinstance(first, models.UUIDField | models.ForeignKey)


def as_row(fold, model):
    return fold.Row(**{name: getattr(model, name) for name in fold.columns})


class Replays:
    """What a replay to any point makes; each is done once."""

    def __init__(self):
        self.tables = {}

    def __call__(self, fold, upto):
        if (fold.name, upto) not in self.tables:
            replay = Replay(fold).upto(upto)
            rows = {key: row for key, row in replay.table.items() if row is not None}
            self.tables[fold.name, upto] = rows
        return self.tables[fold.name, upto]


def points(chance):
    """Yield points: positions, and times with the position that they stand for."""
    known_at = list(Position.objects.order_by("position").values_list("known_at"))
    first, last = known_at[0][0], known_at[-1][0]
    for number in range(POINTS):
        if number % 2:
            yield chance.randint(0, len(known_at))
        else:
            moment = first + (last - first) * chance.uniform(-0.01, 1.01)
            upto = sum(at <= moment for (at,) in known_at)
            assert as_of.position_at(moment) == upto
            yield upto


def owners(fold):
    """Return the columns by whose ids all events of a row are found."""
    found_by = set.intersection(*(set(each.about) for each in fold.steps))
    return found_by.intersection(fold.columns)


def say(what, tables):
    """Tell `manage.py proof folds`."""
    print(f"{what}: points={POINTS} tables={len(tables)}")  # noqa: T201


def test_one_row_as_of_any_point_is_what_a_replay_to_there_makes(some_days):
    chance, replayed = random.Random(4), Replays()
    every = registry.every_fold().values()
    end = reading.last_position()
    touched = {
        fold.name: sorted(Replay(fold).upto(end).table)
        for fold in every
        if has_ids_as_keys(fold)
    }
    folds = [fold for fold in every if touched.get(fold.name)]

    for upto in points(chance):
        fold = chance.choice(folds)
        key = chance.choice(touched[fold.name])

        found = as_of.row(fold, key, upto=upto)

        should_be = replayed(fold, upto).get(key)
        assert (found and as_row(fold, found)) == should_be, (fold.name, key, upto)
    say("rows", {fold.name for fold in folds})


def test_what_somebody_has_as_of_any_point_is_what_a_replay_to_there_makes(some_days):
    chance, replayed = random.Random(5), Replays()
    end = reading.last_position()
    owned = [
        (fold, column, sorted({getattr(row, column) for row in rows.values()}))
        for fold in registry.every_fold().values()
        if (rows := replayed(fold, end))
        for column in sorted(owners(fold))
    ]

    for upto in points(chance):
        fold, column, ids = chance.choice(owned)
        owner = chance.choice(ids)

        found = as_of.rows(fold, about=[owner], upto=upto)

        theirs = {
            key: row
            for key, row in replayed(fold, upto).items()
            if getattr(row, column) == owner
        }
        rows = {
            fold.key_of(each): as_row(fold, each)
            for each in found
            if getattr(each, column) == owner
        }
        assert rows == theirs, (fold.name, column, owner, upto)
    say("owners", {fold.name for fold, *_ in owned})


def test_a_members_shelf_at_every_point_is_what_a_replay_to_there_makes(some_days):
    for upto in range(reading.last_position() + 1):
        rows = Replay(shelves).upto(upto).rows()
        for member_id in some_days:
            mine = [row for row in rows if row.member_id == member_id]

            home = past.shelf(member_id, returned=False, upto=upto)
            before = past.shelf(member_id, returned=True, upto=upto)

            at_home = {row.loan_id for row in mine if row.returned_at is None}
            assert {row.loan_id for row in home} == at_home
            assert len(before) == len(mine) - len(at_home)


def test_a_shelf_as_of_the_end_is_in_the_order_of_todays(some_days):
    end = reading.last_position()

    for member_id in some_days:
        home = past.shelf(member_id, returned=False, upto=end)
        before = past.shelf(member_id, returned=True, upto=end)

        assert home == list(Shelf.objects.at_home(member_id))
        assert before == list(Shelf.objects.history(member_id))


@pytest.mark.parametrize(
    "fold", [*registry.every_fold().values()], ids=lambda fold: fold.name
)
def test_every_event_that_changes_a_row_is_about_its_key(fold):
    unknown = [
        (event_class.type, step.field)
        for event_class, steps in fold.steps.items()
        for step in steps
        if get_type_hints(event_class).get(step.field) is UUID
        and step.field not in event_class.about
    ]

    assert unknown == []


@pytest.mark.parametrize(
    "fold", [*registry.every_fold().values()], ids=lambda fold: fold.name
)
def test_every_event_is_about_the_keys_that_are_worked_out_of_it(fold):
    unknown = [
        (event_class.type, key)
        for event_class, steps in fold.steps.items()
        for step in steps
        for event in [catalogue.made_up(event_class)]
        for key in step.keys(event)
        if isinstance(key, UUID) and key not in codec.about(event)
    ]

    assert unknown == []


def test_a_time_stands_for_the_last_position_given_until_then(some_days):
    fifth = Position.objects.get(position=5)
    just_before = Position.objects.filter(known_at__lt=fifth.known_at).count()

    assert as_of.position_at(fifth.known_at) >= 5
    assert as_of.position_at(fifth.known_at - timedelta(microseconds=1)) == just_before
    assert as_of.position_at(fifth.known_at - timedelta(days=1)) == 0


def test_what_is_still_to_come_is_refused(some_days, now):
    end = reading.last_position()

    assert as_of.place(end, now=now) == end
    with pytest.raises(NotYetSo, match=f"The log ends at {end}"):
        as_of.place(end + 1, now=now)
    with pytest.raises(NotYetSo):
        as_of.place(now + timedelta(microseconds=1), now=now)


def test_a_row_without_an_id_would_take_the_whole_log(db):
    with pytest.raises(AsOfTooWide):
        as_of.row(availability, "2026-03-02", upto=0)


def test_the_events_that_made_a_row_say_what_each_changed(db, a_loan, now):
    loan = a_loan()
    loans.return_copy(copy_id=loan.copy_id, now=now + timedelta(days=2))

    borrowed, returned = as_of.changes(due_loans, loan.loan_id)

    assert borrowed.recorded.event == loan
    assert borrowed.after["due_at"] == loan.due_at
    assert borrowed.before["due_at"] is None
    assert (returned.recorded.event.type, returned.after) == ("book.returned", None)


def test_why_prints_the_events_of_a_row(db, a_book, now, capsys):
    book_id = a_book(title="Kecha va kunduz")
    retitle(book_id, "Kecha", now)
    sequencer.sequence_all()

    call_command("events", "why", "catalog_book", str(book_id), "--column", "title")

    said = capsys.readouterr().out
    assert "book.created" in said
    assert "at 1 by system" in said
    assert "    title: Kecha va kunduz -> Kecha\n" in said


def test_why_answers_programs_line_by_line(db, a_book, capsys):
    book_id = a_book()

    call_command("events", "why", "catalog_book", str(book_id), "--json")

    (line,) = capsys.readouterr().out.splitlines()
    answer = json.loads(line)
    assert (answer["type"], answer["position"]) == ("book.created", None)
    assert answer["after"]["id"] == str(book_id)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["no_table", str(uuid4())], "no projection 'no_table'"),
        (["catalog_book", str(uuid4())], "No event made a row"),
        (["catalog_book", str(uuid4()), "--column", "colour"], "no column 'colour'"),
    ],
)
def test_why_says_what_it_does_not_know(db, asked, said):
    with pytest.raises(CommandError, match=said):
        call_command("events", "why", *asked)
