"""An endpoint that fails for long: its owner hears of it, and it is switched off."""

from __future__ import annotations

from datetime import timedelta

import pytest

from library.catalog.books import add_book
from library.members.models import User
from outbox import log, relay, routes, sequencer
from outbox.channels import letters
from outbox.channels.messages import Address, compose
from outbox.channels.webhooks import channel, endpoints, incidents
from outbox.columns import Now
from outbox.models import Delivery, Destination, Event, Route, Status, WebhookEndpoint
from tests.threads import at_once

DAY = timedelta(days=1)
A_MOMENT = timedelta(seconds=1)


@pytest.fixture
def endpoint(request, httpserver, settings):
    if "committed_db" not in request.fixturenames:
        request.getfixturevalue("db")
    settings.OUTBOX = {**settings.OUTBOX, "PLAIN_HTTP": True}
    httpserver.no_handler_status_code = 500
    owner = User.objects.create_user("owner", is_staff=True)
    made, _ = endpoints.create(
        owner=owner, url=httpserver.url_for("/hook"), event_types=["book.*"]
    )
    return made


@pytest.fixture
def tell(endpoint, now):
    """Let something happen and deliver it; return the delivery."""

    def once():
        add_book(title="T", authors=["A"], now=now)
        sequencer.sequence_all()
        Destination.objects.update(not_before=None)
        while relay.deliver_batch(channel):
            pass
        return Delivery.objects.filter(channel="webhooks").latest("id")

    return once


def ago(**times):
    """Let what is known of the destination have happened so long before the present."""
    Destination.objects.update(**{name: Now() - age for name, age in times.items()})


def noticed():
    """Return the types of what was recorded about endpoints, in order."""
    found = Event.objects.filter(type__startswith="endpoint.").order_by("seq")
    return list(found.values_list("type", flat=True))


def test_one_that_is_gone_is_switched_off(endpoint, tell, httpserver):
    httpserver.expect_request("/hook").respond_with_data("", status=410)

    told = tell()

    endpoint.refresh_from_db()
    assert not endpoint.active
    assert (told.status, told.error) == (Status.DEAD, "gone: ")
    assert not Route.objects.filter(destination=str(endpoint.id), active=True).exists()
    assert noticed() == ["endpoint.switched_off"]
    assert Event.objects.get(type="endpoint.switched_off").data["reason"] == "gone"


def test_what_else_it_was_owed_ends_too_and_is_noticed_once(
    endpoint, tell, httpserver, now
):
    httpserver.expect_request("/hook").respond_with_data("", status=410)
    for _ in range(7):
        add_book(title="T", authors=["A"], now=now)

    tell()

    owed = Delivery.objects.filter(destination=str(endpoint.id))
    assert set(owed.values_list("status", flat=True)) == {Status.DEAD}
    assert len(httpserver.log) == 1
    assert noticed() == ["endpoint.switched_off"]


@pytest.mark.parametrize(
    ("since", "told"),
    [(DAY - A_MOMENT, []), (DAY + A_MOMENT, ["endpoint.failed"])],
)
def test_the_owner_is_warned_after_a_day(endpoint, tell, since, told):
    tell()
    ago(failing_since=since)
    tell()

    incidents.look_after()

    assert noticed() == told


@pytest.mark.parametrize(("since", "active"), [(5 * DAY - A_MOMENT, 1), (5 * DAY, 0)])
def test_after_five_days_it_is_switched_off(endpoint, tell, since, active):
    tell()
    ago(failing_since=since, warned_at=DAY)
    tell()

    incidents.look_after()

    endpoint.refresh_from_db()
    assert endpoint.active == bool(active)
    assert noticed() == ["endpoint.switched_off"] * (not active)


def test_time_alone_proves_nothing(endpoint, tell):
    tell()

    ago(failing_since=9 * DAY, failed_at=9 * DAY)
    incidents.look_after()

    assert noticed() == []


def test_an_incident_is_noticed_once_and_its_end_once(endpoint, tell, httpserver):
    tell()
    ago(failing_since=2 * DAY)
    for _ in range(3):
        tell()
        incidents.look_after()
    httpserver.expect_request("/hook").respond_with_data("")

    for _ in range(3):
        tell()
        incidents.look_after()

    assert noticed() == ["endpoint.failed", "endpoint.recovered"]


def test_one_that_fails_again_before_anybody_looked_has_recovered_first(
    endpoint, tell, httpserver
):
    tell()
    ago(failing_since=2 * DAY)
    tell()
    incidents.look_after()
    httpserver.expect_oneshot_request("/hook").respond_with_data("")

    tell(), tell()
    incidents.look_after()

    assert Destination.objects.get().failures == 1
    assert noticed() == ["endpoint.failed", "endpoint.recovered"]


def test_a_short_failure_is_noticed_by_nobody(endpoint, tell, httpserver):
    tell()
    httpserver.expect_request("/hook").respond_with_data("")
    tell()

    incidents.look_after()

    assert noticed() == []


def test_one_that_is_switched_on_again_starts_anew(endpoint, tell):
    tell()
    ago(failing_since=6 * DAY)
    tell()
    incidents.look_after()
    endpoint.refresh_from_db()

    endpoints.change(endpoint, active=True)
    tell()
    incidents.look_after()

    assert WebhookEndpoint.objects.get().active
    assert noticed() == ["endpoint.switched_off"]
    assert Destination.objects.get().failures == 1


def test_two_who_look_at_once_record_one_fact(committed_db, endpoint, tell):
    tell()
    ago(failing_since=2 * DAY)
    tell()

    at_once(4, lambda number: incidents.look_after())

    assert noticed() == ["endpoint.failed"]
    assert endpoint.active


def test_what_guards_a_removed_endpoint_goes_with_it(endpoint):
    endpoints.remove(endpoint)

    assert not Destination.objects.exists()


# --- The letters ----------------------------------------------------------------


@pytest.fixture
def letters_about(endpoint, tell, httpserver):
    """Return the letters of an incident that ends, and of a 410, in a language."""
    routes.sync()
    tell()
    ago(failing_since=2 * DAY)
    tell()
    incidents.look_after()
    httpserver.expect_oneshot_request("/hook").respond_with_data("")
    httpserver.expect_request("/hook").respond_with_data("", status=410)
    tell()
    incidents.look_after()
    tell()
    sequencer.sequence_all()
    while relay.deliver_batch(letters):
        pass
    owed = Delivery.objects.filter(
        channel="emails", destination__startswith="endpoint"
    ).order_by("position")
    assert {each.recipient for each in owed} == {str(endpoint.owner_id)}

    def written(language):
        def write(each, letter):
            (event,) = log.by_ids([each.event_id])
            context = letter.context(event)
            return compose(letter, context, address, message_id=each.message_id)

        address = Address(
            email="a@example.org",
            name="Aziza",
            language=language,
            recipient=str(endpoint.owner_id),
        )
        return [write(each, letters.named(each.destination)) for each in owed]

    return written


def test_the_owner_is_written_to_in_english(letters_about, endpoint):
    failed, recovered, switched_off = letters_about("en")

    assert failed.subject == "Your webhook takes nothing"
    assert endpoint.url in failed.body
    assert recovered.subject == "Your webhook works again"
    assert switched_off.subject == "Your webhook is switched off"
    assert "it answered that it is gone for good (410)" in switched_off.body


def test_the_owner_is_written_to_in_uzbek(letters_about, endpoint):
    subjects = [each.subject for each in letters_about("uz")]

    assert subjects == [
        "Vebxukingiz xabarlarni qabul qilmayapti",
        "Vebxukingiz yana ishlayapti",
        "Vebxukingiz oʻchirib qoʻyildi",
    ]


def test_an_endpoint_that_was_removed_meanwhile_stops_no_letter(
    letters_about, endpoint
):
    endpoints.remove(endpoint)

    assert len(letters_about("en")) == 3
