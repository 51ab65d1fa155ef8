"""The table of routes, kept in step with the receivers, letters and endpoints."""

from __future__ import annotations

from django.db import transaction

from outbox.channels.contract import Channel, RouteTo
from outbox.channels.registry import channels
from outbox.models import Route


def sync() -> None:
    """Bring every channel's routes up to date; done at each deploy."""
    for channel in channels().values():
        sync_channel(channel)


@transaction.atomic
def sync_channel(channel: Channel) -> None:
    """Add what is new, switch off what is gone. Nothing is ever deleted."""
    # What is there is read first: an endpoint made meanwhile is then no "gone" one.
    there = {
        (route.event_type, route.destination): route
        for route in Route.objects.select_for_update().filter(channel=channel.NAME)
    }
    wanted = {
        (route.event_type, route.destination): route for route in channel.routes()
    }
    gone = [route.pk for key, route in there.items() if key not in wanted]
    Route.objects.filter(pk__in=gone, active=True).update(active=False)
    for key, route in wanted.items():
        if key not in there or not _same(there[key], route):
            _write(channel.NAME, route)


def _same(row: Route, route: RouteTo) -> bool:
    return row.active and row.ordered == route.ordered


def _write(channel: str, route: RouteTo) -> None:
    Route.objects.update_or_create(
        channel=channel,
        destination=route.destination,
        event_type=route.event_type,
        defaults={"ordered": route.ordered, "active": True},
    )
