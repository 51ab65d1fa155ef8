"""Erasure: who somebody was is found nowhere, and everything still adds up."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from knox.models import AuthToken

from library.lending import holds, loans
from library.members.erasing import erase_member
from library.members.models import Member, User
from library.members.preferences import change_preferences
from library.members.refusals import UnknownMember
from library.refusals import StillInUse
from outbox import relay, sequencer
from outbox.audit import audit
from outbox.channels.registry import channels
from outbox.channels.webhooks import endpoints
from outbox.models import Event
from projections import feed
from projections.rebuild import rebuild
from projections.registry import every_fold
from projections.verify import differences
from tests.threads import at_once

PERSON = {
    "username": "zulfiya-the-reader",
    "first_name": "Zulfiya",
    "last_name": "Isroilova",
    "email": "zulfiya@isroilova.example",
    "card_barcode": "CARD-9917",
}


def dump():
    """Return the text of every row of every table there is."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        tables = [table for (table,) in cursor.fetchall()]
        rows = []
        for table in tables:
            cursor.execute(f"SELECT t::text FROM {table} AS t")
            rows += [f"{table} {text}" for (text,) in cursor.fetchall()]
    return rows


def traces():
    """Return the rows that know something of the person."""
    known = [value.lower() for value in PERSON.values()]
    return [row for row in dump() if any(value in row.lower() for value in known)]


@pytest.fixture
def person(a_member):
    return lambda **more: a_member(**PERSON, **more)


def test_nothing_of_a_person_is_found_and_everything_adds_up(
    committed_db, person, a_copy, a_hold, a_loan, now
):
    member_id = person(password="correct-horse-battery")
    user = User.objects.get(id=member_id)
    AuthToken.objects.create(user=user)
    LogEntry.objects.create(
        user_id=person_at_the_desk(a_loan),
        content_type=ContentType.objects.get_for_model(User),
        object_id=str(member_id),
        object_repr=str(user),
        action_flag=CHANGE,
    )
    change_preferences(member_id=member_id, language="uz", now=now)
    loan = a_loan(member_id=member_id)
    hold = a_hold(a_loan().book_id, member_id)
    loans.return_copy(copy_id=loan.copy_id, now=now)
    holds.cancel_hold(hold_id=hold.hold_id, now=now)
    sequencer.sequence_all()
    for name in ("letters", "emails"):
        relay.drain(channels()[name])  # nobody listens: each letter fails once
    assert len(traces()) >= 2

    erase_member(member_id=member_id, now=now + timedelta(days=1))

    assert traces() == []
    sequencer.sequence_all()
    feed.catch_up_all()
    assert [str(each) for each in differences(*every_fold().values())] == []
    rebuild(*every_fold().values())
    assert traces() == []
    assert audit() == []
    assert Member.objects.get(id=member_id).erased_at is not None


def person_at_the_desk(a_loan):
    return a_loan().member_id


def test_a_member_with_open_loans_or_holds_is_not_erased(
    db, person, a_loan, a_hold, now
):
    member_id = person()
    loan = a_loan(member_id=member_id)
    hold = a_hold(a_loan().book_id, member_id)

    with pytest.raises(StillInUse) as refusal:
        erase_member(member_id=member_id, now=now)

    assert refusal.value.facts["blockers"] == [loan.loan_id, hold.hold_id]
    assert User.objects.filter(id=member_id).exists()


def test_who_owns_an_endpoint_gives_it_up_first(db, person, now):
    member_id = person()
    User.objects.filter(id=member_id).update(is_staff=True)
    endpoint, _ = endpoints.create(
        owner=User.objects.get(id=member_id),
        url="https://example.org/hook",
        event_types=["book.*"],
    )

    with pytest.raises(StillInUse) as refusal:
        erase_member(member_id=member_id, now=now)

    assert refusal.value.facts["blockers"] == [endpoint.id]


def test_who_was_erased_is_unknown_and_nothing_is_lent_to_them(
    db, person, a_loan, a_hold, now
):
    member_id = person()
    book_id = a_loan().book_id
    erase_member(member_id=member_id, now=now)
    before = Event.objects.count()

    for act in (
        lambda: erase_member(member_id=member_id, now=now),
        lambda: erase_member(member_id=uuid4(), now=now),
        lambda: a_hold(book_id, member_id),
        lambda: change_preferences(member_id=member_id, language="uz", now=now),
    ):
        with pytest.raises(UnknownMember):
            act()

    assert Event.objects.count() == before


def test_the_same_person_may_come_back_as_somebody_new(db, person, now):
    erase_member(member_id=person(), now=now)

    assert Member.objects.filter(erased_at__isnull=True, id=person()).exists()


def test_a_loan_and_an_erasure_at_once_leave_no_loan_of_nobody(
    committed_db, person, a_copy, now
):
    member_id, copy_id = person(), a_copy()

    def act(number):
        if number:
            return erase_member(member_id=member_id, now=now)
        return loans.borrow_copy(copy_id=copy_id, member_id=member_id, now=now)

    answers = at_once(2, act)

    codes = sorted(getattr(answer, "code", "done") for answer in answers)
    assert codes in (["done", "still_in_use"], ["done", "unknown_member"])
