"""What all views of an API over the outbox share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, cast
from uuid import UUID

from rest_framework.permissions import SAFE_METHODS, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from outbox.api.cursors import Cursors
from outbox.api.pages import Pages
from outbox.errors import AsOfTooWide

AS_OF = "as_of"


class ApiView(APIView):
    """
    Base of the views.

    `records_events` tells the schema that writes answer with a Consistency-Token,
    `takes_keys` that a POST takes an Idempotency-Key. Only one that `looks_back`
    answers `as_of`; with the others it is refused, not ignored.
    """

    records_events: ClassVar[bool] = False
    takes_keys: ClassVar[bool] = True
    looks_back: ClassVar[bool] = False

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let in who may, and read the body while its bytes can still be hashed."""
        super().initial(request, *args, **kwargs)
        request.body  # noqa: B018 - raises for a body over the limit
        if AS_OF in request.query_params and not self.looks_back:
            raise AsOfTooWide


class ListView(ApiView):
    """Base of the views with a list in pages."""

    pagination_class: type[Pages | Cursors] = Pages

    def page(
        self,
        rows: Any,
        shape: type[Serializer[Any]],
        prepare: Callable[[list[Any]], Iterable[Any]] = iter,
    ) -> Response:
        """Answer with a page of the rows; `prepare` joins what they lack, at once."""
        pages = self.pagination_class()
        found: list[Any] = pages.paginate_queryset(rows, self.request, view=self) or []
        shown = shape(list(prepare(found)), many=True)
        return pages.get_paginated_response(shown.data)


def user_id(request: Request) -> UUID:
    """Return the id of who asks; the permissions let nobody else in."""
    return cast("UUID", request.user.pk)


class StaffWrites(IsAuthenticated):
    """Everybody who is logged in may look; only staff may change anything."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Tell whether the request may go on."""
        known = super().has_permission(request, view)
        return known and (request.method in SAFE_METHODS or request.user.is_staff)
