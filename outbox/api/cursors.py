"""
Longer lists, a page at a time: each page says where the next one begins.

Unlike an offset, the place in the list does not move while rows are added at its
head, and a page far behind costs no more than the first.
"""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from outbox.api.pages import LONGEST_PAGE, number, parameter

DEFAULT = 50
GREATEST = 2**63 - 1


class Cursors(BasePagination):
    """`limit` and `cursor`, over rows with an `id`, the latest first."""

    PARAMETERS: ClassVar = ("limit", "cursor")

    def paginate_queryset(
        self, queryset: Any, request: Request, view: Any = None
    ) -> list[Any]:
        """Return the rows of the page; one more is read, to know if there are more."""
        limit = number(request, "limit", DEFAULT, 1, LONGEST_PAGE)
        before = number(request, "cursor", GREATEST, 1, GREATEST)
        rows = list(queryset.filter(id__lt=before).order_by("-id")[: limit + 1])
        self.next = rows[limit - 1].id if len(rows) > limit else None
        return rows[:limit]

    def get_paginated_response(self, data: Any) -> Response:
        """Answer with a page."""
        return Response({"next": self.next, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe the answer for the schema."""
        return {
            "type": "object",
            "required": ["next", "results"],
            "properties": {
                "next": {
                    "type": ["integer", "null"],
                    "description": "The `cursor` of the next page; null: the last one.",
                },
                "results": schema,
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe both for the schema."""
        return [
            parameter("limit", "Rows in a page.", 1, LONGEST_PAGE),
            parameter("cursor", "`next` of the page before.", 1, GREATEST),
        ]
