"""
The questions of the API, answered from the read models.

They follow the log by a moment: what was just borrowed may not be here yet. Who has to
see it sends the Consistency-Token of the borrowing along (`waiting.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response

from outbox.api import given
from outbox.api.views import ApiView, ListView, user_id
from projections import as_of, registry
from projections.models import Availability, DueLoan, Shelf, Stock
from projections.questions import past, people
from projections.questions.availability import availability
from projections.questions.stock import by_branch, stock
from projections.shapes import (
    AsOf,
    AvailabilityShown,
    OnShelf,
    Overdue,
    RowHistory,
    ShelfQuery,
)
from projections.waiting import Question


class MyShelf(Question, ListView):
    """What the member who asks has at home, or had."""

    reads = ("shelves", "availability")
    looks_back = True

    @extend_schema(
        operation_id="my_shelf",
        parameters=[ShelfQuery],
        responses=OnShelf(many=True),
        tags=["members"],
    )
    def get(self, request: Request) -> Response:
        """List what you have at home, or with `returned` what you brought back."""
        wanted = given.query(request, ShelfQuery)
        returned, member_id = wanted["returned"], user_id(request)
        if (upto := as_of.asked(wanted)) is not None:
            rows = past.shelf(member_id, returned=returned, upto=upto)
            return self.page(rows, OnShelf, partial(past.with_titles, upto=upto))
        mine = Shelf.objects.history if returned else Shelf.objects.at_home
        return self.page(mine(member_id), OnShelf, _with_titles)


class OverdueLoans(Question, ListView):
    """What should have come back by now."""

    reads = ("due_loans", "availability")

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


class BookAvailability(Question):
    """Whether a book can be borrowed now, and where."""

    reads = ("availability", "stock")
    looks_back = True

    @extend_schema(
        operation_id="get_availability",
        parameters=[AsOf],
        responses=AvailabilityShown,
        tags=["books"],
    )
    def get(self, request: Request, book_id: UUID) -> Response:
        """Show how many copies of a book there are, how many are in, and where."""
        upto = as_of.asked(given.query(request, AsOf))
        copies: Iterable[Stock]
        if upto is None:
            row = Availability.objects.live().filter(book_id=book_id).first()
            copies = Stock.objects.filter(book_id=book_id)
        else:
            row = as_of.row(availability, book_id, upto=upto)
            copies = as_of.rows(stock, about=[book_id], upto=upto)
        if row is None or row.withdrawn_at is not None:
            raise Http404
        branches = by_branch(copies)
        return Response(AvailabilityShown(row, context={"branches": branches}).data)


class RowOfTable(ApiView):
    """Why a row of a folded table is as it is."""

    permission_classes = [IsAdminUser]
    looks_back = True

    @extend_schema(
        operation_id="explain_row",
        parameters=[AsOf],
        responses=RowHistory,
        tags=["tables"],
    )
    def get(self, request: Request, table: str, key: UUID) -> Response:
        """
        Show a row of a folded table, and the events that made it.

        What each event changed is in `before` and `after`.
        """
        upto = as_of.asked(given.query(request, AsOf))
        fold = registry.every_fold().get(table)
        if fold is None or not (events := list(as_of.changes(fold, key, upto=upto))):
            raise Http404
        row = as_of.row(fold, key, upto=upto)
        columns = row and {name: getattr(row, name) for name in fold.columns}
        shown = {"table": table, "key": key, "row": columns, "events": events}
        return Response(RowHistory(shown).data)


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
