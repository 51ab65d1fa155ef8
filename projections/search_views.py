"""Searching the catalogue."""

from __future__ import annotations

from dataclasses import asdict

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from outbox.api import given
from outbox.api.pages import Pages
from projections import finding
from projections.shapes import FoundBooks, Search
from projections.waiting import Question

PAGE = [  # of what is found; a list would have them of itself
    OpenApiParameter(each["name"], each["schema"], description=each["description"])
    for each in Pages().get_schema_operation_parameters(None)
]


class SearchBooks(Question):
    """The catalogue, for who does not know the title by heart."""

    reads = ("search", "facet_values", "vocabulary")
    pagination_class = Pages

    @extend_schema(
        operation_id="search_books",
        parameters=[Search, *PAGE],
        responses=FoundBooks,
        tags=["books"],
    )
    def get(self, request: Request) -> Response:
        """
        Find books by words of the title and the authors, or by ISBN.

        `branch` finds those of which the branch has a copy; with `available`, one that
        is on its shelf.

        Case, accents and the apostrophes of Oʻzbekcha do not matter. Where fewer than a
        hundred books have the last word as it stands, it may be just begun; where
        nothing is found, similar words are tried. Of a thousand books, an author,
        a subject or a branch of one alone is not counted.
        """
        wanted = given.query(request, Search)
        text = wanted.pop("q")
        pages = Pages()
        limit, offset = pages.get_limit(request), pages.get_offset(request)
        found = finding.find(text, limit=limit, offset=offset, **wanted)
        return Response(FoundBooks(asdict(found)).data)
