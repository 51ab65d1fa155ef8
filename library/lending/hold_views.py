"""Holds over HTTP: a reader sees and does what is his, a librarian everything."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from library.lending import holds
from library.lending.hold_refusals import UnknownHold
from library.lending.models import Hold, HoldQuerySet
from library.lending.shapes import HoldQuery, HoldShown, NewHold
from outbox.api import given
from outbox.api.given import Nothing
from outbox.api.views import ApiView, ListView, user_id
from outbox.api.writes import Made, Written, write


class Holds(ListView):
    """One's own holds, or for librarians all."""

    records_events = True

    @extend_schema(
        operation_id="list_holds",
        parameters=[HoldQuery],
        responses=HoldShown(many=True),
        tags=["holds"],
    )
    def get(self, request: Request) -> Response:
        """List the holds of each book in their order, with positions in its queue."""
        wanted = given.query(request, HoldQuery)
        rows = _seen_by(request).select_related("book").with_positions()
        if book_id := wanted.get("book"):
            rows = rows.filter(book_id=book_id)
        if member_id := wanted.get("member"):
            rows = rows.filter(member_id=member_id)
        if "open" in wanted:
            rows = rows.filter(closed_at__isnull=wanted["open"])
        return self.page(rows.order_by("book_id", "number"), HoldShown)

    @extend_schema(
        operation_id="place_hold",
        request=NewHold,
        responses={201: HoldShown},
        tags=["holds"],
    )
    def post(self, request: Request) -> Response:
        """Wait for a book; a copy that is free is set aside at once."""
        said = given.body(request, NewHold)
        member_id = said.get("member_id", user_id(request))
        if member_id != user_id(request) and not request.user.is_staff:
            raise PermissionDenied("Only librarians place holds for others.")

        def act() -> Made:
            wish = {**said, "member_id": member_id}
            placed = holds.place_hold(now=timezone.now(), **wish)
            return Made(placed.hold_id)

        return response(write(request, act, status=201))


class OneHold(ApiView):
    """One hold."""

    @extend_schema(operation_id="get_hold", responses=HoldShown, tags=["holds"])
    def get(self, request: Request, hold_id: UUID) -> Response:
        """Show a hold."""
        return Response(HoldShown(find(request, hold_id)).data)


class CancelHold(ApiView):
    """The end of a wish."""

    records_events = True

    @extend_schema(
        operation_id="cancel_hold",
        request=Nothing,
        responses=HoldShown,
        tags=["holds"],
    )
    def post(self, request: Request, hold_id: UUID) -> Response:
        """Wait no longer."""
        given.body(request, Nothing)
        hold = find(request, hold_id)

        def act() -> Made:
            holds.cancel_hold(hold_id=hold.id, now=timezone.now())
            return Made(hold.id)

        return response(write(request, act))


def _seen_by(request: Request) -> HoldQuerySet:
    if request.user.is_staff:
        return Hold.objects.all()
    return Hold.objects.filter(member_id=user_id(request))


def find(request: Request, hold_id: UUID) -> Hold:
    """Return a hold that who asks may see; raise UnknownHold."""
    rows = _seen_by(request).select_related("book").with_positions()
    hold: Hold | None = rows.filter(id=hold_id).first()
    if hold is None:
        raise UnknownHold(hold_id)
    return hold


def response(written: Written) -> Response:
    """Answer with the hold that was written, as it stands."""
    rows = Hold.objects.select_related("book").with_positions()
    return written.response(HoldShown(rows.get(id=written.id)).data)
