"""The desk over HTTP: what was scanned, and what can be done with it."""

from __future__ import annotations

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response

from library.lending import scans
from library.lending.desk_shapes import NewScan, ScanShown
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
