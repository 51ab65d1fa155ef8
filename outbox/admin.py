"""Windows on the log, what is owed, and what became of it."""

from __future__ import annotations

from django.contrib import admin
from django_outbox_pattern import admin as theirs  # noqa: F401 - registers its own
from django_outbox_pattern.models import Published, Received

from outbox.models import (
    Attempt,
    Delivery,
    Destination,
    Event,
    Position,
    Replay,
    Route,
    Tally,
    WebhookEndpoint,
    WebhookSecret,
)
from outbox.windows import Window

# The package's windows can be reached through; ours take their place.
admin.site.unregister([Published, Received])


@admin.register(Published)
class PublishedWindow(Window):
    list_display = ["id", "destination", "version", "status", "added"]
    list_filter = ["status", "destination"]
    ordering = ["-added"]


@admin.register(Received)
class ReceivedWindow(Window):
    list_display = ["id", "destination", "status", "added"]
    ordering = ["-added"]


@admin.register(Event)
class EventWindow(Window):
    list_display = ["seq", "type", "stream", "version", "occurred_at"]
    list_filter = ["type"]
    search_fields = ["stream"]
    ordering = ["-seq"]
    exclude = ["xact"]


@admin.register(Position)
class PositionWindow(Window):
    list_display = ["position", "event_id", "owed", "known_at"]
    ordering = ["-position"]


@admin.register(Route)
class RouteWindow(Window):
    list_display = ["event_type", "channel", "destination", "ordered", "active"]
    list_filter = ["channel", "active"]
    ordering = ["channel", "destination", "event_type"]


@admin.register(Delivery)
class DeliveryWindow(Window):
    list_display = ["id", "position", "channel", "destination", "status", "attempts"]
    list_filter = ["status", "channel"]
    ordering = ["-id"]


@admin.register(Destination)
class DestinationWindow(Window):
    list_display = ["channel", "destination", "failures", "failing_since", "paused"]
    list_filter = ["channel", "paused"]
    ordering = ["-failures", "channel", "destination"]


@admin.register(Attempt)
class AttemptWindow(Window):
    list_display = ["id", "delivery", "at", "outcome", "http_status", "seconds"]
    list_filter = ["outcome"]
    list_select_related = ["delivery"]
    ordering = ["-id"]


@admin.register(Replay)
class ReplayWindow(Window):
    list_display = ["created_at", "channel", "destination", "replayed", "finished_at"]
    list_filter = ["channel"]
    ordering = ["-created_at"]


@admin.register(Tally)
class TallyWindow(Window):
    list_display = ["channel", "destination", "status", "deliveries", "children"]
    list_filter = ["channel", "status"]
    ordering = ["channel", "destination", "status"]


@admin.register(WebhookEndpoint)
class EndpointWindow(Window):
    list_display = ["url", "owner", "active", "created_at"]
    list_select_related = ["owner"]
    ordering = ["-id"]
    fields = [
        *("id", "owner", "url", "event_types"),
        *("ordered", "active", "compatible", "created_at"),
    ]


@admin.register(WebhookSecret)
class SecretWindow(Window):
    list_display = ["endpoint", "version", "created_at", "until"]
    list_select_related = ["endpoint"]
    ordering = ["-id"]
    # Named one by one: what is sealed is not among them.
    fields = ["endpoint", "version", "public_key", "created_at", "until"]
