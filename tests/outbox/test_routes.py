from __future__ import annotations

from types import SimpleNamespace

import pytest

from outbox import routes
from outbox.channels.contract import RouteTo
from outbox.models import Route


def a_channel(*wanted, meanwhile=lambda: None):
    def give():
        meanwhile()
        return [RouteTo(*each) for each in wanted]

    return SimpleNamespace(NAME="test", routes=give)


def active():
    return set(Route.objects.filter(active=True).values_list("destination", flat=True))


def test_new_ones_are_added_and_gone_ones_switched_off(db):
    routes.sync_channel(a_channel(("a", "book.created"), ("b", "book.created")))
    routes.sync_channel(a_channel(("b", "book.created")))

    assert active() == {"b"}
    assert Route.objects.count() == 2


def test_one_that_comes_back_is_switched_on_again(db):
    routes.sync_channel(a_channel(("a", "book.created")))
    routes.sync_channel(a_channel())
    routes.sync_channel(a_channel(("a", "book.created")))

    assert active() == {"a"}


def test_one_made_meanwhile_is_not_taken_for_gone(db):
    def somebody_adds_an_endpoint():
        Route.objects.create(
            channel="test", destination="new", event_type="book.created"
        )

    channel = a_channel(("a", "book.created"), meanwhile=somebody_adds_an_endpoint)
    routes.sync_channel(channel)

    assert active() == {"a", "new"}


@pytest.mark.parametrize("ordered", [True, False])
def test_a_change_of_order_is_taken_over(db, ordered):
    routes.sync_channel(a_channel(("a", "book.created", not ordered)))
    routes.sync_channel(a_channel(("a", "book.created", ordered)))

    assert Route.objects.get().ordered is ordered
