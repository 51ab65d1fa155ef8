"""Whom an event owes a letter, and that it owes it once."""

from __future__ import annotations

import dataclasses
import math
from datetime import timedelta

import pytest
from django.db.models import F

from library.lending import loans
from library.lending.letters import loan_receipt, return_receipt
from library.members import letters as members_letters
from library.members import preferences
from library.members.refusals import InvalidMember
from outbox import checks, claims, front, relay, routes, sequencer
from outbox.channels import letters
from outbox.channels.contract import DELIVERED
from outbox.models import Attempt, Delivery, Event, Route, Status


def test_a_loan_and_its_return_each_owe_the_member_a_letter(
    a_loan, a_member, owed, now
):
    member_id = a_member()
    loan = a_loan(member_id=member_id)
    loans.return_copy(copy_id=loan.copy_id, now=now)

    children = owed()

    assert {each.recipient for each in children} == {str(member_id)}
    assert sorted(each.destination for each in children) == [
        "loan_receipt",
        "return_receipt",
        "welcome",
    ]


def test_an_expansion_is_settled_and_its_child_is_of_the_same_event(a_loan, owed):
    a_loan()

    child = owed().get(destination="loan_receipt")

    parent = Delivery.objects.get(channel="letters", destination="loan_receipt")
    assert parent.status == Status.DELIVERED
    assert (child.event_id, child.position) == (parent.event_id, parent.position)
    assert (child.status, child.attempts) == (Status.PENDING, 0)


def test_the_message_id_is_stored_before_the_first_attempt(a_loan, owed, settings):
    settings.DEFAULT_FROM_EMAIL = "Kutubxona <desk@library.example>"
    a_loan()

    child = owed().get(destination="loan_receipt")

    event = Event.objects.get(type="book.borrowed")
    assert child.message_id == f"<{child.id}.{event.id.hex}@library.example>"
    assert child.attempts == 0


def test_two_recipients_of_one_letter_get_two_messages(
    a_loan, a_member, owed, monkeypatch
):
    both = [a_member(), a_member()]
    shared = dataclasses.replace(loan_receipt, recipients=lambda event: both + both)
    monkeypatch.setattr(letters, "letters", lambda: (shared,))
    a_loan(member_id=both[0])

    children = owed()

    assert {each.recipient for each in children} == {str(each) for each in both}
    assert len({each.message_id for each in children}) == len(children) == 2


def test_a_second_expansion_owes_nothing_more(a_loan, owed):
    a_loan()
    before = list(owed().values_list("id", "message_id"))

    again = [
        letters.deliver(each, math.inf)
        for each in Delivery.objects.filter(channel="letters")
    ]

    assert set(again) == {DELIVERED}
    assert list(owed().values_list("id", "message_id")) == before


@pytest.mark.parametrize(("times", "children"), [(0, 0), (1, 1), (3, 1)])
def test_an_expansion_says_how_many_it_became(
    a_loan, a_member, owed, monkeypatch, times, children
):
    to = dataclasses.replace(
        loan_receipt, recipients=lambda event: [event.member_id] * times
    )
    monkeypatch.setattr(letters, "letters", lambda: (to,))
    a_loan()

    expanded = owed()

    parent = Delivery.objects.get(channel="letters", destination="loan_receipt")
    assert (parent.status, parent.children) == (Status.DELIVERED, children)
    assert expanded.count() == children


@pytest.mark.parametrize("routed", [True, False])
def test_a_letter_this_process_does_not_have_waits_only_while_it_is_routed(
    a_loan, owed, monkeypatch, routed
):
    a_loan()
    child = owed().get(destination="loan_receipt")
    Route.objects.filter(destination="loan_receipt").update(active=routed)
    monkeypatch.setattr(letters, "letters", lambda: ())

    outcome = letters.deliver(child, math.inf)

    assert outcome.name == "letter_unknown"
    assert (outcome.final, outcome.charged) == (not routed, not routed)


def test_every_letter_has_one_route_and_the_e_mails_have_none(db):
    routes.sync()

    found = Route.objects.filter(channel__in=["letters", "emails"])

    assert set(
        found.values_list("channel", "destination", "event_type", "ordered")
    ) == {("letters", each.name, each.event.type, False) for each in letters.letters()}
    assert found.count() == len(letters.letters())


def test_a_member_may_mute_every_kind_that_is_not_mandatory(db, a_member, now):
    kinds = letters.optional_kinds()

    assert {"loan_receipt", "new_titles", "return_receipt"} <= set(kinds)
    assert not {"welcome", "endpoint_failed"} & set(kinds)
    with pytest.raises(InvalidMember):
        preferences.change_preferences(member_id=a_member(), muted=["welcome"], now=now)


def test_two_letters_of_one_name_are_found_at_start(monkeypatch):
    namesake = dataclasses.replace(return_receipt, name="loan_receipt")
    monkeypatch.setattr(letters, "letters", lambda: (loan_receipt, namesake))

    found = [each.id for each in checks._letter_names()]

    assert found == ["outbox.E004"]


@pytest.mark.parametrize(
    ("changed", "problems"),
    [
        ({"template": "letters/nowhere"}, ["outbox.E006", "outbox.E006"]),
        ({"title": {"en": "Receipts"}}, ["outbox.E007"]),
        ({"title": {}, "mandatory": True}, []),
        ({}, []),
    ],
)
def test_a_letter_that_lacks_a_language_is_found_at_start(
    monkeypatch, changed, problems
):
    letter = dataclasses.replace(loan_receipt, **changed)
    monkeypatch.setattr(letters, "letters", lambda: (letter,))

    assert [each.id for each in checks._letter_words()] == problems


def test_a_letter_imported_by_a_second_module_is_still_one_letter(monkeypatch):
    monkeypatch.setattr(members_letters, "loan_receipt", loan_receipt, raising=False)

    found = letters.letters.__wrapped__()

    assert found.count(loan_receipt) == 1


# --- a batch in one transaction


@pytest.fixture
def three_loans(db, a_loan, monkeypatch):
    """Owe three receipts; the welcomes of the members are out of the way."""
    monkeypatch.setattr(front, "PART", 0)  # each claim looks everywhere
    for _ in range(3):
        a_loan()
    routes.sync()
    sequencer.sequence_all()
    Delivery.objects.exclude(destination="loan_receipt").delete()
    return Delivery.objects.filter(channel="letters").order_by("id")


def children():
    return Delivery.objects.filter(channel="emails")


def test_a_batch_is_expanded_in_few_queries_however_large_it_is(
    three_loans, django_assert_num_queries
):
    # The claim, the events, the children, their number, the outcomes; in a test's own
    # transaction, BEGIN and COMMIT are a savepoint and its release.
    with django_assert_num_queries(7):
        assert relay.deliver_batch(letters) == 3

    assert children().count() == 3
    for parent in three_loans:
        assert (parent.status, parent.children) == (Status.DELIVERED, 1)
        assert parent.tries.get().outcome == "delivered"


def test_one_that_fails_does_not_keep_the_others_of_its_batch_from_expanding(
    three_loans, monkeypatch
):
    first = three_loans[0]
    at = Event.objects.get(id=first.event_id).data["loan_id"]

    def recipients(event):
        if str(event.loan_id) == at:
            raise LookupError
        return [event.member_id]

    fussy = dataclasses.replace(loan_receipt, recipients=recipients)
    monkeypatch.setattr(letters, "letters", lambda: (fussy,))

    relay.deliver_batch(letters)

    assert children().count() == 2
    assert [each.status for each in three_loans] == ["pending", *["delivered"] * 2]
    assert first.tries.get().outcome == "LookupError"


def test_a_batch_of_which_one_was_overtaken_leaves_that_one_to_its_successor(
    three_loans, monkeypatch
):
    taken = three_loans[1]
    batch = relay.claim(letters)
    Delivery.objects.filter(id=taken.id).update(claim=F("claim") + 1)

    done = relay._all_at_once(letters, batch, claims.Lease.starting_now())

    assert (done, children().count()) == (False, 0)
    assert not Attempt.objects.exists()


def test_a_batch_that_would_outlive_its_lease_is_not_begun(three_loans, monkeypatch):
    monkeypatch.setattr(claims, "LEASE", timedelta(seconds=letters.DEADLINE / 2))

    relay.deliver_batch(letters)

    assert children().count() == 0
    assert {each.attempts for each in three_loans} == {0}
