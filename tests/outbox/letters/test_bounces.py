"""An address at which nobody is: it is written to once, and not again."""

from __future__ import annotations

import pytest
from django.db import IntegrityError
from django.utils import timezone

from library.members import bounces
from library.members.models import User
from outbox.models import Status

NOBODY = "550 5.1.1 <aziza@example.org>: nobody is here"


@pytest.fixture
def another_letter(a_loan, owed):
    """Owe the same member one more letter, and return it."""

    def make():
        a_loan(member_id=User.objects.get(username="aziza").id)
        return owed().latest("id")

    return make


def last_outcome(child):
    return child.tries.latest("id").outcome


def user():
    return User.objects.get(username="aziza")


def test_an_address_that_bounced_gets_no_further_letters(
    receipt, another_letter, deliver, post_office
):
    first = receipt()
    post_office.at_rcpt = NOBODY
    deliver()
    post_office.at_rcpt, calls = "250 OK", len(post_office.callers)
    second = another_letter()

    deliver()

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, last_outcome(first)) == (Status.DEAD, "bounced")
    assert (second.status, last_outcome(second)) == (Status.DELIVERED, "bounced_before")
    assert len(post_office.callers) == calls


def test_a_new_address_gets_letters_at_once(
    receipt, another_letter, deliver, post_office
):
    receipt()
    bounces.bounced(email="aziza@example.org", now=timezone.now())
    User.objects.filter(username="aziza").update(email="aziza@elsewhere.example")
    letter = another_letter()

    deliver()

    assert last_outcome(letter) == "delivered"


@pytest.mark.parametrize(
    ("answer", "gone"),
    [
        (NOBODY, True),
        ("550 no such user", True),
        ("553 mailbox name not allowed", True),
        ("550 5.2.1 mailbox disabled", True),
        ("551 5.1.6 moved away", True),
        ("552 5.2.2 mailbox full", False),
        ("550 5.7.1 relaying denied", False),  # which is about us
        ("550 5.1.8 we do not know the sender", False),
        ("554 5.7.1 you look like spam", False),
        ("552 too much", False),
        ("450 4.1.1 not now", False),
        ("450 5.1.1 of two minds", False),
    ],
)
def test_only_a_no_for_good_about_the_address_is_a_bounce(
    receipt, deliver, post_office, answer, gone
):
    receipt()
    post_office.at_rcpt = answer

    deliver()

    assert (user().email_bounced_at is not None) == gone


def test_a_refusal_of_the_letter_or_of_ourselves_is_no_bounce(
    receipt, another_letter, deliver, post_office
):
    receipt()
    post_office.at_data = ["550 5.1.1 no"]
    deliver()
    another_letter()
    post_office.at_mail = "550 5.1.8 who are you"
    deliver()

    assert user().email_bounced_at is None


def test_whoever_learns_of_a_bounce_can_tell_it_by_the_address(a_member, db, now):
    both = [a_member(email="Home@example.org"), a_member(email="home@example.org")]
    a_member()

    told = [bounces.bounced(email="HOME@example.org", now=now) for _ in range(2)]

    assert told == [2, 2]
    marked = User.objects.filter(bounced_at=now)
    assert set(marked.values_list("id", flat=True)) == set(both)


def test_nobodys_address_is_not_everybodys(a_member, db, now):
    a_member(email="")

    assert bounces.bounced(email="", now=now) == 0


def test_the_desk_may_try_an_address_again(
    receipt, another_letter, deliver, post_office
):
    receipt()
    bounces.bounced(email="aziza@example.org", now=timezone.now())

    assert [bounces.lift([user().id]) for _ in range(2)] == [1, 0]

    letter = another_letter()
    deliver()
    assert last_outcome(letter) == "delivered"


@pytest.mark.parametrize(("email", "is_dated"), [("a@b.org", False), ("", True)])
def test_half_a_bounce_cannot_be_stored(db, a_member, now, email, is_dated):
    a_member()

    with pytest.raises(IntegrityError):
        User.objects.update(bounced_email=email, bounced_at=now if is_dated else None)
