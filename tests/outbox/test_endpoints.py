from __future__ import annotations

import pytest

from library.catalog.books import add_book
from library.members.models import User
from outbox import codec, relay, sequencer
from outbox.channels.webhooks import channel, endpoints
from outbox.models import Delivery, Route, Status


@pytest.fixture
def owner(db):
    return User.objects.create_user("owner", is_staff=True)


@pytest.fixture
def an_endpoint(owner, httpserver, settings):
    settings.OUTBOX = {**settings.OUTBOX, "PLAIN_HTTP": True}
    httpserver.expect_request("/hook").respond_with_data("thanks")
    made, _ = endpoints.create(
        owner=owner, url=httpserver.url_for("/hook"), event_types=["book.*"]
    )
    return made


def tell(now):
    """Let something happen and deliver it; return the delivery."""
    add_book(title="T", authors=["A"], now=now)
    sequencer.sequence_all()
    relay.deliver_batch(channel)
    return Delivery.objects.get(channel="webhooks")


def test_a_group_of_types_is_told(an_endpoint, now, httpserver):
    assert tell(now).status == Status.DELIVERED
    assert len(httpserver.log) == 1


OF_BOOKS = [each for each in codec.event_types() if each.startswith("book.")]


@pytest.mark.parametrize(
    ("patterns", "wanted"),
    [
        (["*"], [*codec.event_types()]),
        (["book.*"], OF_BOOKS),
        (["book.borrowed", "book.*"], OF_BOOKS),
        (["user.registered"], ["user.registered"]),
    ],
)
def test_patterns_stand_for_types(owner, patterns, wanted):
    made, _ = endpoints.create(
        owner=owner, url="https://example.org/", event_types=patterns
    )

    assert endpoints.wanted_types(made) == wanted
    routed = Route.objects.filter(destination=str(made.id))
    assert set(routed.values_list("event_type", flat=True)) == set(wanted)


@pytest.mark.parametrize("pattern", ["", "bo*", "*.created", "book.", "*" * 90 + "x"])
def test_a_pattern_that_stands_for_nothing_is_refused(owner, pattern):
    with pytest.raises(endpoints.InvalidEndpoint, match="matches no event type"):
        endpoints.create(owner=owner, url="https://example.org/", event_types=[pattern])


@pytest.mark.parametrize("lost", ["is_staff", "is_active"])
def test_who_may_no_longer_make_an_endpoint_hears_no_more_from_one(
    an_endpoint, owner, now, httpserver, lost
):
    setattr(owner, lost, False)
    owner.save()

    assert tell(now).error.startswith("owner_not_allowed")
    assert httpserver.log == []
    assert list(channel.routes()) == []


@pytest.mark.parametrize("port", ["25", "6379", "0", "1023", "65536"])
def test_an_endpoint_is_at_a_port_of_web_servers(owner, port):
    with pytest.raises(endpoints.InvalidEndpoint, match="port of web servers"):
        endpoints.create(
            owner=owner, url=f"https://example.org:{port}/", event_types=["*"]
        )


def test_only_staff_may_have_an_endpoint(db):
    with pytest.raises(endpoints.InvalidEndpoint, match="Only active staff"):
        endpoints.create(
            owner=User.objects.create_user("reader"),
            url="https://example.org/",
            event_types=["*"],
        )


def test_what_a_removed_endpoint_was_owed_is_not_stuck(an_endpoint, now):
    add_book(title="T", authors=["A"], now=now)
    sequencer.sequence_all()
    endpoints.remove(an_endpoint)

    relay.deliver_batch(channel)

    assert Delivery.objects.get(channel="webhooks").status == Status.DEAD


def test_a_paused_endpoint_is_told_nothing(an_endpoint, now, httpserver):
    add_book(title="T", authors=["A"], now=now)
    sequencer.sequence_all()
    endpoints.change(an_endpoint, active=False)

    relay.deliver_batch(channel)

    assert Delivery.objects.get(channel="webhooks").error.startswith(
        "endpoint_inactive"
    )
    assert httpserver.log == []
    assert not Route.objects.filter(channel="webhooks", active=True).exists()
