"""The catalogue over HTTP: everybody looks, librarians (staff) change."""

from __future__ import annotations

from uuid import UUID

from django.db.models import F, Func, Q, QuerySet, TextField, Value
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from library.catalog import books, copies
from library.catalog.models import Book, Copy
from library.catalog.refusals import UnknownBook, UnknownCopy
from library.catalog.shapes import (
    BookDescription,
    BookQuery,
    BookShown,
    CopyQuery,
    CopyShown,
    NewCopy,
)
from outbox.api import given
from outbox.api.versions import VersionedView
from outbox.api.views import ListView, StaffWrites
from outbox.api.writes import Made, Written, write


class Books(ListView):
    """The books of the catalogue."""

    permission_classes = [StaffWrites]
    records_events = True

    @extend_schema(
        operation_id="list_books",
        parameters=[BookQuery],
        responses=BookShown(many=True),
        tags=["books"],
    )
    def get(self, request: Request) -> Response:
        """List the books, by title."""
        wanted = given.query(request, BookQuery)
        return self.page(_books(**wanted).order_by("title", "id"), BookShown)

    @extend_schema(
        operation_id="add_book",
        request=BookDescription,
        responses={201: BookShown},
        tags=["books"],
    )
    def post(self, request: Request) -> Response:
        """Put a book into the catalogue."""
        said = given.body(request, BookDescription)

        def act() -> Made:
            return Made(books.add_book(now=timezone.now(), **said).book_id)

        return _book_response(write(request, act, status=201))


class OneBook(VersionedView):
    """One book of the catalogue."""

    permission_classes = [StaffWrites]
    records_events = True
    stream = "book:{book_id}"

    @extend_schema(operation_id="get_book", responses=BookShown, tags=["books"])
    def get(self, request: Request, book_id: UUID) -> Response:
        """Show a book."""
        book = Book.objects.live().filter(id=book_id).first()
        if book is None:
            raise UnknownBook(book_id)
        return Response(BookShown(book).data)

    @extend_schema(
        operation_id="correct_book",
        request=BookDescription,
        responses=BookShown,
        tags=["books"],
    )
    def put(self, request: Request, book_id: UUID) -> Response:
        """Say a book's description again, corrected."""
        said = given.body(request, BookDescription)

        def act() -> Made:
            books.correct_book(book_id=book_id, now=timezone.now(), **said)
            return Made(book_id)

        return _book_response(write(request, act, expects=self.expects(request)))

    @extend_schema(
        operation_id="correct_parts_of_book",
        request=BookDescription,
        responses=BookShown,
        tags=["books"],
    )
    def patch(self, request: Request, book_id: UUID) -> Response:
        """Correct parts of a book's description; the rest stays."""
        said = given.body(request, BookDescription, partial=True)

        def act() -> Made:
            books.correct_parts_of_book(book_id=book_id, now=timezone.now(), **said)
            return Made(book_id)

        return _book_response(write(request, act, expects=self.expects(request)))

    @extend_schema(operation_id="withdraw_book", responses={204: None}, tags=["books"])
    def delete(self, request: Request, book_id: UUID) -> Response:
        """Take a book and its copies out of the catalogue."""

        def act() -> Made:
            books.withdraw_book(book_id=book_id, now=timezone.now())
            return Made(book_id)

        return write(request, act, status=204, expects=self.expects(request)).response()


class Copies(ListView):
    """The copies in stock."""

    permission_classes = [StaffWrites]
    records_events = True

    @extend_schema(
        operation_id="list_copies",
        parameters=[CopyQuery],
        responses=CopyShown(many=True),
        tags=["copies"],
    )
    def get(self, request: Request) -> Response:
        """List the copies, of one book or of all."""
        wanted = given.query(request, CopyQuery)
        rows = Copy.objects.live().order_by("id")
        if book_id := wanted.get("book"):
            rows = rows.filter(book_id=book_id)
        return self.page(rows, CopyShown)

    @extend_schema(
        operation_id="add_copy",
        request=NewCopy,
        responses={201: CopyShown},
        tags=["copies"],
    )
    def post(self, request: Request) -> Response:
        """Put a copy of a book on the shelf."""
        said = given.body(request, NewCopy)

        def act() -> Made:
            return Made(copies.add_copy(now=timezone.now(), **said).copy_id)

        written = write(request, act, status=201)
        return written.response(CopyShown(Copy.objects.get(id=written.id)).data)


class OneCopy(VersionedView):
    """One copy in stock."""

    permission_classes = [StaffWrites]
    records_events = True
    stream = "copy:{copy_id}"

    @extend_schema(operation_id="get_copy", responses=CopyShown, tags=["copies"])
    def get(self, request: Request, copy_id: UUID) -> Response:
        """Show a copy."""
        copy = Copy.objects.live().filter(id=copy_id).first()
        if copy is None:
            raise UnknownCopy(copy_id)
        return Response(CopyShown(copy).data)

    @extend_schema(operation_id="remove_copy", responses={204: None}, tags=["copies"])
    def delete(self, request: Request, copy_id: UUID) -> Response:
        """Take a copy out of stock."""

        def act() -> Made:
            copies.remove_copy(copy_id=copy_id, now=timezone.now())
            return Made(copy_id)

        return write(request, act, status=204, expects=self.expects(request)).response()


def _book_response(written: Written) -> Response:
    # Not `live()`: a repeat may come after the book was withdrawn.
    return written.response(BookShown(Book.objects.get(id=written.id)).data)


def _books(*, title: str = "", author: str = "", isbn: str = "") -> QuerySet[Book]:
    rows = Book.objects.live()
    if title:
        rows = rows.filter(title__icontains=title)
    if author:
        # The names alone: the text of an array has braces and quotes around them.
        names = Func(
            F("authors"),
            Value("\n"),
            function="array_to_string",
            output_field=TextField(),
        )
        rows = rows.alias(names=names).filter(names__icontains=author)
    if isbn:
        digits = isbn.replace("-", "").replace(" ", "")
        rows = rows.filter(Q(isbn13__icontains=digits) | Q(isbn_given__icontains=isbn))
    return rows
