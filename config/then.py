"""How things were, at the URLs of how they are: the parts' views, looking back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from library.catalog import views as catalog
from library.catalog.refusals import UnknownBook
from library.catalog.shapes import BookShown, CopyShown
from library.lending import hold_views
from library.lending.shapes import HoldQuery, HoldShown
from outbox.api import given
from outbox.api.views import AS_OF, user_id
from outbox.errors import AsOfTooWide
from projections import as_of
from projections.questions import past
from projections.shapes import AsOf


class LoanThen(serializers.Serializer[object]):
    """With whom a copy was; for readers, only whether with themselves."""

    loan_id = serializers.UUIDField(source="id")
    member_id = serializers.UUIDField(allow_null=True)
    borrowed_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField()


class HoldThen(serializers.Serializer[object]):
    """Who waited; for readers, only whether it was themselves."""

    hold_id = serializers.UUIDField(source="id")
    member_id = serializers.UUIDField(allow_null=True)
    position = serializers.IntegerField(allow_null=True)
    placed_at = serializers.DateTimeField()
    pickup_until = serializers.DateTimeField(allow_null=True)


class CopyThen(CopyShown):
    """A copy, with the loan it was out with and the hold it was set aside for."""

    loan = LoanThen(allow_null=True)
    hold = HoldThen(allow_null=True)


class BookThen(BookShown):
    """A book; with `as_of` also its copies, and who waited for one."""

    copies = CopyThen(many=True, source="stock", required=False)
    waiting = HoldThen(many=True, required=False)


class HoldsThen(HoldQuery, AsOf):
    """Which holds to list; as of an earlier moment, those of one `book` only."""


class OneBook(catalog.OneBook):
    """One book of the catalogue, also as it was."""

    looks_back = True

    @extend_schema(
        operation_id="get_book",
        parameters=[AsOf],
        responses=BookThen,
        tags=["books"],
    )
    def get(self, request: Request, book_id: UUID) -> Response:
        """Show a book; with `as_of` also its copies, and who waited for one."""
        wanted = given.query(request, AsOf)
        if not wanted:
            return super().get(request, book_id)
        book = past.book(book_id, upto=as_of.asked(wanted))
        if book is None:
            raise UnknownBook(book_id)
        taken = [each for copy in book.stock for each in (copy.loan, copy.hold) if each]
        _hide_others(request, [*taken, *book.waiting])
        return Response(BookThen(book).data)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Leave out the ETag of a version that is not the one shown."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        if AS_OF in request.query_params:
            answer.headers.pop("ETag", None)
        return answer


class Holds(hold_views.Holds):
    """One's own holds, or for librarians all; those of a book also as they were."""

    looks_back = True

    @extend_schema(
        operation_id="list_holds",
        parameters=[HoldsThen],
        responses=HoldShown(many=True),
        tags=["holds"],
    )
    def get(self, request: Request) -> Response:
        """List the holds of each book in their order, with positions in its queue."""
        wanted = given.query(request, HoldsThen)
        if AS_OF not in wanted:
            return super().get(request)
        if "book" not in wanted:
            raise AsOfTooWide
        return self.page(_holds_then(request, **wanted), HoldShown)


def _holds_then(
    request: Request,
    *,
    book: UUID,
    member: UUID | None = None,
    open: bool | None = None,  # noqa: A002 - the parameter's name
    **moment: Any,
) -> list[Any]:
    return [
        hold
        for hold in past.holds([book], upto=as_of.asked(moment))
        if (request.user.is_staff or hold.member_id == user_id(request))
        and member in (None, hold.member_id)
        and open in (None, hold.closed_at is None)
    ]


def _hide_others(request: Request, rows: Iterable[Any]) -> None:
    for row in rows:
        if not request.user.is_staff and row.member_id != user_id(request):
            row.member_id = None
