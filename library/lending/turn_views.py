"""The turn of a hold over HTTP: given up for a while, taken up, moved by the desk."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response

from library.lending import turns
from library.lending.hold_views import find, response
from library.lending.shapes import HoldShown, NewPlace, Suspension
from outbox.api import given
from outbox.api.given import Nothing
from outbox.api.views import ApiView
from outbox.api.writes import Made, write


class SuspendHold(ApiView):
    """A hold that is passed over for a while."""

    records_events = True

    @extend_schema(
        operation_id="suspend_hold",
        request=Suspension,
        responses=HoldShown,
        tags=["holds"],
    )
    def post(self, request: Request, hold_id: UUID) -> Response:
        """Keep the place, and want the book later."""
        said = given.body(request, Suspension)
        hold = find(request, hold_id)

        def act() -> Made:
            turns.suspend_hold(hold_id=hold.id, now=timezone.now(), **said)
            return Made(hold.id)

        return response(write(request, act))


class ResumeHold(ApiView):
    """A hold that goes on."""

    records_events = True

    @extend_schema(
        operation_id="resume_hold",
        request=Nothing,
        responses=HoldShown,
        tags=["holds"],
    )
    def post(self, request: Request, hold_id: UUID) -> Response:
        """Want the book again, in the place that was kept."""
        said = given.body(request, Nothing)
        hold = find(request, hold_id)

        def act() -> Made:
            turns.resume_hold(hold_id=hold.id, now=timezone.now(), **said)
            return Made(hold.id)

        return response(write(request, act))


class MoveHold(ApiView):
    """Another place in the queue, for librarians."""

    permission_classes = [IsAdminUser]
    records_events = True

    @extend_schema(
        operation_id="move_hold",
        request=NewPlace,
        responses=HoldShown,
        tags=["holds"],
    )
    def post(self, request: Request, hold_id: UUID) -> Response:
        """Give a hold another place in its queue."""
        said = given.body(request, NewPlace)
        hold = find(request, hold_id)

        def act() -> Made:
            turns.move_hold(hold_id=hold.id, now=timezone.now(), **said)
            return Made(hold.id)

        return response(write(request, act))
