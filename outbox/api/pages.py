"""Long lists, a page at a time."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.request import Request

LONGEST_PAGE = 200
FURTHEST = 10_000_000  # rows to skip; PostgreSQL counts them off one by one


class Pages(LimitOffsetPagination):
    """`limit` and `offset`, with bounds; what is out of them is an error."""

    PARAMETERS: ClassVar = ("limit", "offset")

    default_limit = 50
    max_limit = LONGEST_PAGE

    def get_limit(self, request: Request) -> int:
        """Return how many rows are wanted."""
        return number(request, "limit", self.default_limit, 1, LONGEST_PAGE)

    def get_offset(self, request: Request) -> int:
        """Return how many rows to skip."""
        return number(request, "offset", 0, 0, FURTHEST)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe both for the schema."""
        return [
            parameter("limit", "Rows in a page.", 1, LONGEST_PAGE),
            parameter("offset", "Rows to skip.", 0, FURTHEST),
        ]


def number(request: Request, name: str, default: int, least: int, most: int) -> int:
    """Return a whole number of the query; raise ValidationError for any other."""
    given = request.query_params.get(name)
    if given is None:
        return default
    field = serializers.IntegerField(min_value=least, max_value=most)
    try:
        return int(field.run_validation(given))
    except ValidationError as error:
        raise ValidationError({name: error.detail}) from None


def parameter(name: str, says: str, least: int, most: int) -> dict[str, Any]:
    """Describe a whole number of the query for the schema."""
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": says,
        "schema": {"type": "integer", "minimum": least, "maximum": most},
    }
