"""
What clients give: read strictly, so that nothing odd gets any further in.

A field or a filter with a wrong name is refused, not ignored: a misspelled
`member_id` would lend to the librarian, a misspelled filter would show everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

import orjson
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ParseError, ValidationError
from rest_framework.parsers import JSONParser
from rest_framework.request import Request

from outbox.api.cursors import Cursors
from outbox.api.pages import Pages

DEEPEST = 32  # levels of a body; what reads it further on is recursive


class JsonBody(JSONParser):
    """
    JSON as RFC 8259 has it.

    The standard library's reader takes NaN and lone surrogates, and gives up on
    deep nesting with an error of its own: each would be a fault of ours later.
    """

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the value a body stands for; raise ParseError for none."""
        try:
            value = orjson.loads(stream.read())
        except orjson.JSONDecodeError as error:
            raise ParseError(f"The body is not JSON: {error}.") from None
        if _is_deep(value):
            raise ParseError(
                f"The body is nested more than {DEEPEST} levels deep. Nothing here "
                "wants so many."
            )
        return value


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [each for each in level if isinstance(each, list | dict)]
        if not level:
            return False
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return True


class Given(serializers.Serializer[Any]):
    """Base of what clients give: what it does not know is an error."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the checked values; raise ValidationError with all that is wrong."""
        if isinstance(data, Mapping):
            self._refuse_unknown(data)
        return super().to_internal_value(data)

    def _refuse_unknown(self, data: Mapping[Any, Any]) -> None:
        unknown = [name for name in data if name not in self.fields]
        known = ", ".join(self.fields) or "none"
        detail = ErrorDetail(
            f"There is no such field here. Known: {known}.", code="unknown_field"
        )
        if unknown:
            raise ValidationError({str(name)[:100]: [detail] for name in unknown})


class Nothing(Given):
    """For a body or a query that has nothing to say."""


def body(request: Request, shape: type[Given], *, partial: bool = False) -> Any:
    """Return a body's checked values; `partial`: only those that were given."""
    given = shape(data=request.data, partial=partial)
    given.is_valid(raise_exception=True)
    return given.validated_data


def query(
    request: Request,
    shape: type[Given] = Nothing,
    pages: type[Pages | Cursors] = Pages,
) -> Any:
    """Return the checked filters of a list; the pages' own are left to them."""
    filters = request.query_params.dict()
    for name in pages.PARAMETERS:
        filters.pop(name, None)
    given = shape(data=filters)
    given.is_valid(raise_exception=True)
    return given.validated_data
