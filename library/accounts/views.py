"""Fees over HTTP: a reader sees his own, librarians all, and settle them."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response

from library.accounts import fees
from library.accounts.models import Fee
from library.accounts.shapes import FeeQuery, FeeShown, Settlement
from outbox.api import given
from outbox.api.views import ApiView, ListView, user_id
from outbox.api.writes import Made, write


class Fees(ListView):
    """What is or was owed."""

    @extend_schema(
        operation_id="list_fees",
        parameters=[FeeQuery],
        responses=FeeShown(many=True),
        tags=["fees"],
    )
    def get(self, request: Request) -> Response:
        """List your own fees, or for librarians all, the latest first."""
        wanted = given.query(request, FeeQuery)
        rows = Fee.objects.order_by("-charged_at", "id")
        if not request.user.is_staff:
            rows = rows.filter(member_id=user_id(request))
        if member_id := wanted.get("member"):
            rows = rows.filter(member_id=member_id)
        if "open" in wanted:
            rows = rows.exclude(owed=0) if wanted["open"] else rows.filter(owed=0)
        return self.page(rows, FeeShown)


class SettleFee(ApiView):
    """The end of a debt."""

    permission_classes = [IsAdminUser]
    records_events = True

    @extend_schema(
        operation_id="settle_fee",
        request=Settlement,
        responses=FeeShown,
        tags=["fees"],
    )
    def post(self, request: Request, fee_id: UUID) -> Response:
        """Note that a fee was paid or waived, or a credit refunded."""
        said = given.body(request, Settlement)

        def act() -> Made:
            fees.settle_fee(fee_id=fee_id, now=timezone.now(), **said)
            return Made(fee_id)

        written = write(request, act)
        return written.response(FeeShown(Fee.objects.get(id=written.id)).data)
