"""Where copies are, over HTTP: what a librarian does with one in hand."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response

from library.catalog import copies
from library.catalog import rules as catalog_rules
from library.catalog.models import Copy
from library.catalog.shapes import CopyShown
from library.lending import conditions, lost, transits, whereabouts
from library.lending.copy_shapes import (
    Brought,
    Mark,
    NewHome,
    Scan,
    SoughtShown,
    TakenBack,
    TransitQuery,
    TransitShown,
    WhereaboutsShown,
)
from library.lending.desk_refusals import UnknownBarcode
from library.lending.models import Loan, Transit
from outbox.api import given
from outbox.api.versions import VersionedView
from outbox.api.views import ApiView, ListView
from outbox.api.writes import Made, Written, write


class CopyDesk(ApiView):
    """What only librarians do to a copy."""

    permission_classes = [IsAdminUser]
    records_events = True


class ChangeCopy(VersionedView):
    """What only librarians change of a copy, as they read it."""

    permission_classes = [IsAdminUser]
    records_events = True
    stream = "copy:{copy_id}"


class MoveCopy(ChangeCopy):
    """Another home."""

    @extend_schema(
        operation_id="move_copy", request=NewHome, responses=CopyShown, tags=["copies"]
    )
    def post(self, request: Request, copy_id: UUID) -> Response:
        """Let a copy be at home elsewhere, or be of another kind."""
        said = given.body(request, NewHome)

        def act() -> Made:
            copies.move_copy(copy_id=copy_id, now=timezone.now(), **said)
            return Made(copy_id)

        return _copy_response(write(request, act, expects=self.expects(request)))


class MarkCopy(ChangeCopy):
    """What is wrong with a copy."""

    @extend_schema(
        operation_id="mark_copy", request=Mark, responses=CopyShown, tags=["copies"]
    )
    def post(self, request: Request, copy_id: UUID) -> Response:
        """Say that a copy is missing or damaged, or that nothing is wrong any more."""
        said = given.body(request, Mark)

        def act() -> Made:
            conditions.mark_copy(copy_id=copy_id, now=timezone.now(), **said)
            return Made(copy_id)

        return _copy_response(write(request, act, expects=self.expects(request)))


class ScanCopy(CopyDesk):
    """A copy in hand."""

    @extend_schema(
        operation_id="scan_copy",
        request=Scan,
        responses=WhereaboutsShown,
        tags=["copies"],
    )
    def post(self, request: Request, copy_id: UUID) -> Response:
        """
        Take note that a copy is at a branch, and be told where it belongs.

        It may be scanned as often as you like. One on loan stays on loan.
        """
        said = given.body(request, Scan)

        def act() -> Made:
            at = said.get("branch_id")
            transits.scan_copy(copy_id=copy_id, at=at, now=timezone.now())
            return Made(copy_id)

        written = write(request, act)
        where = whereabouts.of(UUID(written.id))
        return written.response(WhereaboutsShown(where).data)


class Returns(CopyDesk):
    """Copies that are brought."""

    @extend_schema(
        operation_id="take_back", request=Brought, responses=TakenBack, tags=["copies"]
    )
    def post(self, request: Request) -> Response:
        """
        Take a copy that somebody brings, and be told where it belongs.

        One that is on loan is returned; any other is scanned, without an error.
        """
        said = given.body(request, Brought)

        def act() -> Made:
            copy_id = said.get("copy_id") or _with_barcode(said["barcode"])
            loan = Loan.objects.of_copy(copy_id)
            transits.take_back(
                copy_id=copy_id,
                at=said.get("branch_id"),
                returned_at=said.get("returned_at"),
                now=timezone.now(),
            )
            return Made(copy_id, noted={"loan": str(loan.id) if loan else None})

        written = write(request, act)
        rows = Loan.objects.select_related("book", "copy")
        answer: dict[str, Any] = {
            "loan": rows.filter(id=written.noted["loan"]).first(),
            "copy": whereabouts.of(UUID(written.id)),
        }
        return written.response(TakenBack(answer).data)


class Transits(ListView):
    """What is under way."""

    permission_classes = [IsAdminUser]

    @extend_schema(
        operation_id="list_transits",
        parameters=[TransitQuery],
        responses=TransitShown(many=True),
        tags=["copies"],
    )
    def get(self, request: Request) -> Response:
        """List the copies under way, the longest first."""
        wanted = given.query(request, TransitQuery)
        rows = Transit.objects.select_related("copy__book").with_holds()
        if branch_id := wanted.get("from_branch"):
            rows = rows.filter(from_branch=branch_id)
        if branch_id := wanted.get("to_branch"):
            rows = rows.filter(to_branch=branch_id)
        return self.page(rows.order_by("sent_at", "id"), TransitShown)


class Sought(ListView):
    """What is to be looked for."""

    permission_classes = [IsAdminUser]

    @extend_schema(
        operation_id="list_sought_copies",
        responses=SoughtShown(many=True),
        tags=["copies"],
    )
    def get(self, request: Request) -> Response:
        """List the copies that are missing, and those said to be back."""
        given.query(request)
        rows = lost.sought().select_related("book")
        return self.page(rows.order_by("barcode", "id"), SoughtShown)


def _with_barcode(given_barcode: str) -> UUID:
    scanned = catalog_rules.scanned(given_barcode)
    found = Copy.objects.live().filter(barcode=scanned).values_list("id", flat=True)
    copy_id: UUID | None = found.first()
    if copy_id is None:
        raise UnknownBarcode
    return copy_id


def _copy_response(written: Written) -> Response:
    return written.response(CopyShown(Copy.objects.get(id=written.id)).data)
