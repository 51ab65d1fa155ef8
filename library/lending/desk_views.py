"""The desk over HTTP: what was scanned, and what a branch has to see to."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response

from library.catalog.models import Branch
from library.catalog.refusals import UnknownBranch
from library.lending import daily_sheet, scans
from library.lending.desk_shapes import NewScan, ScanShown, SheetQuery, SheetShown
from library.members.views import with_users
from outbox.api import given
from outbox.api.views import ApiView


class Scans(ApiView):
    """
    What a code stands for. A POST that changes nothing.

    A card's barcode is personal: in a URL it would stand in logs.
    """

    permission_classes = [IsAdminUser]
    takes_keys = False

    @extend_schema(
        operation_id="scan", request=NewScan, responses=ScanShown, tags=["desk"]
    )
    def post(self, request: Request) -> Response:
        """Say what was scanned, a copy or a card, and what can be done now."""
        said = given.body(request, NewScan)
        copy, member = scans.look_up(said["code"], timezone.now().date())
        if member is not None:
            with_users([member.member])
        return Response(ScanShown({"copy": copy, "member": member}).data)


class DailySheet(ApiView):
    """What a branch has to see to."""

    permission_classes = [IsAdminUser]

    @extend_schema(
        operation_id="get_daily_sheet",
        parameters=[SheetQuery],
        responses=SheetShown,
        tags=["desk"],
    )
    def get(self, request: Request, branch_id: UUID) -> Response:
        """Show the sheet of a day: what to pull, clear, send, expect and look for."""
        wanted = given.query(request, SheetQuery)
        branch = Branch.objects.filter(id=branch_id).first()
        if branch is None:
            raise UnknownBranch(branch_id)
        now = timezone.now()
        day = wanted.get("date") or branch.calendar.day_of(now)
        sheet = daily_sheet.of(branch, day, now)
        return Response(SheetShown({"date": day, **sheet}).data)
