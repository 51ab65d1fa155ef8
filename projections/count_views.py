"""The questions that are answered with numbers: of members, days and titles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response

from outbox.api import given
from outbox.api.views import ListView, user_id
from projections import as_of
from projections.count_shapes import (
    ActivityQuery,
    ActivityShown,
    ProfileShown,
    TopBook,
    TopQuery,
)
from projections.models import Activity, Availability, Profile, TitleLent
from projections.questions import people
from projections.questions.profiles import profiles
from projections.shapes import AsOf
from projections.waiting import Question


class MyProfile(Question):
    """The member who asks, in numbers."""

    reads = ("profiles",)
    looks_back = True

    @extend_schema(
        operation_id="my_profile",
        parameters=[AsOf],
        responses=ProfileShown,
        tags=["members"],
    )
    def get(self, request: Request) -> Response:
        """Show how much you have borrowed, and what is open."""
        return _profile(request, user_id(request))


class OneProfile(Question):
    """A member in numbers: oneself, or for librarians anybody."""

    reads = ("profiles",)
    looks_back = True

    @extend_schema(
        operation_id="get_profile",
        parameters=[AsOf],
        responses=ProfileShown,
        tags=["members"],
    )
    def get(self, request: Request, member_id: UUID) -> Response:
        """Show how much a member has borrowed, and what is open."""
        # Not 403: a reader does not learn which ids there are.
        if member_id != user_id(request) and not request.user.is_staff:
            raise Http404
        return _profile(request, member_id)


class LoansPerDay(Question, ListView):
    """How much is lent, for librarians."""

    permission_classes = [IsAdminUser]
    reads = ("activity",)

    @extend_schema(
        operation_id="list_activity",
        parameters=[ActivityQuery],
        responses=ActivityShown(many=True),
        tags=["activity"],
    )
    def get(self, request: Request) -> Response:
        """Count the loans of each day, branch and category of members."""
        wanted = given.query(request, ActivityQuery)
        first, last = wanted.pop("first", None), wanted.pop("last", None)
        rows = Activity.objects.between(first, last, **wanted)
        return self.page(rows, ActivityShown)


class TopBooks(Question, ListView):
    """What is read most."""

    reads = ("titles_lent", "availability")

    @extend_schema(
        operation_id="list_top_books",
        parameters=[TopQuery],
        responses=TopBook(many=True),
        tags=["activity"],
    )
    def get(self, request: Request) -> Response:
        """List the books that were lent, the most wanted first."""
        wanted = given.query(request, TopQuery)
        rows = TitleLent.objects.most(wanted.get("first"), wanted.get("last"))
        return self.page(rows, TopBook, _with_titles)


def _profile(request: Request, member_id: UUID) -> Response:
    upto = as_of.asked(given.query(request, AsOf))
    if upto is None:
        row = Profile.objects.filter(member_id=member_id).first()
    else:
        row = as_of.row(profiles, member_id, upto=upto)
    if row is None:
        raise Http404
    name = people.names_of([member_id]).get(member_id, "")
    return Response(ProfileShown(row, context={"name": name}).data)


def _with_titles(rows: list[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    books = Availability.objects.in_bulk([row["book_id"] for row in rows])
    for row in rows:
        book = books.get(row["book_id"])
        yield {**row, "title": book.title if book else ""}
