"""What a member has, waits for and owes, now or at an earlier moment."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from outbox.api import given
from outbox.api.views import ApiView, user_id
from projections import as_of
from projections.account_shapes import AccountShown
from projections.questions import past
from projections.shapes import AsOf


class MyAccount(ApiView):
    """The account of the member who asks."""

    looks_back = True

    @extend_schema(
        operation_id="my_account",
        parameters=[AsOf],
        responses=AccountShown,
        tags=["members"],
    )
    def get(self, request: Request) -> Response:
        """Show what you have at home, wait for and owe."""
        return _account(request, user_id(request))


class OneAccount(ApiView):
    """The account of one member: oneself, or for librarians anybody."""

    looks_back = True

    @extend_schema(
        operation_id="get_account",
        parameters=[AsOf],
        responses=AccountShown,
        tags=["members"],
    )
    def get(self, request: Request, member_id: UUID) -> Response:
        """Show what a member has at home, waits for and owes."""
        # Not 403: a reader does not learn which ids there are.
        if member_id != user_id(request) and not request.user.is_staff:
            raise Http404
        return _account(request, member_id)


def _account(request: Request, member_id: UUID) -> Response:
    # From the log, also for now: what was done a moment ago is there.
    upto = as_of.asked(given.query(request, AsOf))
    found = past.account(member_id, upto=upto)
    if found is None:
        raise Http404
    return Response(AccountShown(found).data)
