"""
The questions of the API, answered from the read models.

They follow the log by a moment: what was just borrowed may not be here yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from outbox.api import given
from outbox.api.views import ApiView, ListView, user_id
from projections.models import Availability, DueLoan, Shelf
from projections.questions import people
from projections.shapes import AvailabilityShown, OnShelf, Overdue, ShelfQuery


class MyShelf(ListView):
    """What the member who asks has at home, or had."""

    @extend_schema(
        operation_id="my_shelf",
        parameters=[ShelfQuery],
        responses=OnShelf(many=True),
        tags=["members"],
    )
    def get(self, request: Request) -> Response:
        """List what you have at home, or with `returned` what you brought back."""
        wanted = given.query(request, ShelfQuery)
        shelves = Shelf.objects
        mine = shelves.history if wanted["returned"] else shelves.at_home
        return self.page(mine(user_id(request)), OnShelf, _with_titles)


class OverdueLoans(ListView):
    """What should have come back by now."""

    @extend_schema(
        operation_id="list_overdue_loans",
        responses=Overdue(many=True),
        tags=["loans"],
    )
    def get(self, request: Request) -> Response:
        """List overdue loans, the longest first: your own, or for librarians all."""
        given.query(request)
        rows = DueLoan.objects.overdue(timezone.now())
        if not request.user.is_staff:
            rows = rows.filter(member_id=user_id(request))
        return self.page(rows, Overdue, _with_titles_and_names)


class BookAvailability(ApiView):
    """Whether a book can be borrowed now."""

    @extend_schema(
        operation_id="get_availability",
        responses=AvailabilityShown,
        tags=["books"],
    )
    def get(self, request: Request, book_id: UUID) -> Response:
        """Show how many copies of a book there are, and how many are in."""
        row = Availability.objects.live().filter(book_id=book_id).first()
        if row is None:
            raise Http404
        return Response(AvailabilityShown(row).data)


def _with_titles(rows: Iterable[Any]) -> list[Any]:
    found = list(rows)
    books = Availability.objects.in_bulk({row.book_id for row in found})
    for row in found:
        # A read model that is being rebuilt may not have the book yet.
        row.title = books[row.book_id].title if row.book_id in books else ""
    return found


def _with_titles_and_names(rows: Iterable[Any]) -> list[Any]:
    found = _with_titles(rows)
    names = people.names_of(row.member_id for row in found)
    for row in found:
        row.member_name = names.get(row.member_id, "")
    return found
