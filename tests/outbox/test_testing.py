"""The helper for tests of receivers, used as somebody else's project would use it."""

from __future__ import annotations

from datetime import UTC, datetime
from unittest.mock import AsyncMock, Mock

import pytest
from django.dispatch import receiver
from django.test import TestCase

from library.catalog.books import add_book
from library.catalog.events import BookCreated, BookUpdated
from library.catalog.models import Book
from library.members.models import User
from library.signals import book_created, user_registered
from outbox import front
from outbox.models import Delivery, Route, Status
from outbox.testing import connected, delivering

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


def a_book(title="Dune"):
    add_book(title=title, authors=["Frank Herbert"], now=NOW)


class TestInsideATestCase(TestCase):
    def test_a_mock_is_called_before_the_block_ends(self):
        with connected(book_created, Mock()) as heard:
            a_book()
            assert not heard.called

        heard.assert_called_once()
        told = heard.call_args.kwargs
        assert told["sender"] is BookCreated
        assert told["signal"] is book_created
        assert told["book"].title == told["event"].title == "Dune"

    def test_what_happened_before_or_afterwards_is_not_told(self):
        a_book("before")
        with connected(book_created, Mock()) as heard:
            a_book("within")
        a_book("afterwards")
        with delivering():
            pass

        assert [call.kwargs["event"].title for call in heard.call_args_list] == [
            "within"
        ]
        assert not Route.objects.filter(active=True).exists()

    def test_an_async_receiver_is_awaited(self):
        with connected(book_created, AsyncMock()) as heard:
            a_book()

        heard.assert_awaited_once()

    def test_only_what_its_sender_sends_is_heard(self):
        with (
            connected(book_created, Mock(), sender=BookCreated) as heard,
            connected(book_created, Mock(), sender=BookUpdated) as deaf,
        ):
            a_book()

        heard.assert_called_once()
        deaf.assert_not_called()

    def test_what_a_receiver_raises_is_raised_and_its_effect_undone(self):
        def fail(**kwargs):
            User.objects.update(first_name="changed")
            raise ZeroDivisionError

        User.objects.create_user("aziza")
        heard = Mock()
        with (
            pytest.raises(ZeroDivisionError),
            connected(book_created, fail),
            connected(book_created, heard),
        ):
            a_book()

        heard.assert_called_once()
        assert User.objects.get().first_name == ""
        assert Delivery.objects.get(status=Status.PENDING).attempts == 1

    def test_a_block_that_raises_tells_nobody(self):
        heard = Mock()
        with pytest.raises(KeyError), connected(book_created, heard):  # noqa: PT012
            a_book()
            raise KeyError

        heard.assert_not_called()
        assert book_created.receivers == []

    def test_a_receiver_that_was_connected_as_in_django_is_told(self):
        told = []

        @receiver([book_created, user_registered], weak=False, dispatch_uid="test.both")
        def hear(sender, event, **kwargs):
            told.append(sender.type)

        try:
            with delivering():
                User.objects.create_user("aziza")
                a_book()
        finally:
            for signal in (book_created, user_registered):
                signal.disconnect(dispatch_uid="test.both")

        assert told == ["user.registered", "book.created"]

    def test_what_a_receiver_does_is_told_to_others_in_the_same_block(self):
        def add_the_sequel(event, **kwargs):
            a_book(f"{event.title} II")

        with (
            connected(book_created, Mock()) as heard,
            connected(book_created, add_the_sequel),
        ):
            a_book()

        titles = [call.kwargs["event"].title for call in heard.call_args_list]
        assert titles == ["Dune", "Dune II"]
        assert Book.objects.count() == 2

    def test_what_another_test_left_in_memory_is_forgotten(self):
        now = datetime.now(UTC)
        here = front.front("signals")
        here.move(("gone", 0), [now], full=False, ordered=False, now=now)
        here.looked_everywhere(60.0)  # so that it would not look again for long

        with connected(book_created, Mock()) as heard:
            a_book()

        heard.assert_called_once()


class TestWhereTransactionsCommit:
    def test_it_is_the_same(self, committed_db):
        with connected(book_created, Mock()) as heard:
            a_book()

        heard.assert_called_once()
        assert not Route.objects.filter(active=True).exists()
