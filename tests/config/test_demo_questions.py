"""What the demo counts, asked from outside of a database with known rows."""

from __future__ import annotations

from collections import Counter

import psycopg
import pytest

from config.demo import questions
from config.demo.owed import Letter, Post
from library.catalog.books import add_book
from library.members.models import User
from outbox.models import Attempt, Delivery, Event


@pytest.fixture
def tried(committed_db, a_member, now):
    """Have attempts of these outcomes at telling somebody of a book; return its id."""
    add_book(title="T", authors=["A"], now=now)
    event = Event.objects.get()
    member_id = a_member(username="aziza")

    def make(channel, *doubts):
        recipient = str(member_id) if channel == "emails" else ""
        delivery = Delivery.objects.create(
            event_id=event.id,
            position=1,
            channel=channel,
            destination="somewhere",
            recipient=recipient,
        )
        for claim, doubted in enumerate(doubts, start=1):
            Attempt.objects.create(
                delivery=delivery, claim=claim, outcome="deadline", ambiguous=doubted
            )
        return event.id.hex

    return make


def asked(url):
    with psycopg.connect(url) as connection:
        return questions.ambiguous(connection, endpoints={"somewhere": "shop"})


def test_ambiguous_attempts_are_those_that_say_so(committed_db, tried):
    event = tried("webhooks", True, False, True)
    tried("emails", True, False)

    found = asked(committed_db)

    email = User.objects.get(username="aziza").email
    post = Post(event, "shop", "book.created")
    assert found == Counter({post: 2, Letter(event, email): 1})


def test_a_doubt_inside_our_own_database_is_none(committed_db, tried):
    tried("signals", True)

    assert asked(committed_db) == Counter()
