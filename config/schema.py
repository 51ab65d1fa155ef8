"""What the OpenAPI schema says of all operations alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from config.problems import MEDIA_TYPE
from outbox.api.given import Given
from outbox.api.versions import VersionedView
from outbox.api.writes import KEY_HEADER, LONGEST_KEY, TOKEN_HEADER

IDEMPOTENCY_KEY = OpenApiParameter(
    KEY_HEADER,
    {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[ -~]+$"},
    OpenApiParameter.HEADER,
    description="Make one up for each request. Repeated with the same key, the "
    "request does nothing and is answered as before.",
)
CONSISTENCY_TOKEN = OpenApiParameter(
    TOKEN_HEADER,
    OpenApiTypes.UUID,
    OpenApiParameter.HEADER,
    response=[200, 201, 204],
    description="The id of the event that was recorded.",
)

WAITS_FOR = OpenApiParameter(
    TOKEN_HEADER,
    OpenApiTypes.UUID,
    OpenApiParameter.HEADER,
    description="What a write has answered with: wait, for two seconds at most, until "
    "it can be seen here.",
)


ETAG = OpenApiParameter(
    "ETag",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    response=[200],
    description="The version of what is shown, for an If-Match.",
)
IF_MATCH = OpenApiParameter(
    "If-Match",
    {"type": "string", "pattern": r'^(\*|"[0-9]{1,18}")$'},
    OpenApiParameter.HEADER,
    description="The ETag of the version that was read: where somebody has changed it "
    "since, nothing is done, and the answer is 412, `stale_version`.",
)


class ErrorInField(serializers.Serializer[object]):
    """What is wrong with one field."""

    field = serializers.CharField(allow_null=True)
    code = serializers.CharField()
    detail = serializers.CharField()


class Reason(serializers.Serializer[object]):
    """One of the reasons of a refusal, and the facts it rests on."""

    code = serializers.CharField()
    detail = serializers.CharField()
    facts = serializers.DictField()


class ProblemShown(serializers.Serializer[object]):
    """An error (RFC 9457). `code` is stable; `detail` says what to do."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    errors = ErrorInField(many=True, required=False)  # type: ignore[assignment]
    facts = serializers.DictField(required=False)
    reasons = Reason(many=True, required=False)


class Tokens(KnoxTokenScheme):  # type: ignore[no-untyped-call]
    """Our tokens are Knox's."""

    target_class = "library.members.authentication.Tokens"
    name = "token"


class Schema(AutoSchema):
    """Adds the headers of writes, the errors, and that bodies are strict."""

    def get_override_parameters(self) -> list[Any]:
        """Add the headers that every POST takes and every write gives."""
        parameters = super().get_override_parameters()
        if self.method == "POST" and getattr(self.view, "takes_keys", True):
            parameters = [*parameters, IDEMPOTENCY_KEY]
        if self.method != "GET" and getattr(self.view, "records_events", False):
            parameters = [*parameters, CONSISTENCY_TOKEN]
        if self.method == "GET" and getattr(self.view, "reads", None):
            parameters = [*parameters, WAITS_FOR]
        if isinstance(self.view, VersionedView):
            parameters = [*parameters, ETAG if self.method == "GET" else IF_MATCH]
        return parameters

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies = super()._get_response_bodies(direction)
        for status in self._errors():
            bodies[status] = self._get_response_for_code(  # type: ignore[no-untyped-call]
                ProblemShown, status, [MEDIA_TYPE], direction
            )
        return bodies

    def _errors(self) -> Iterator[str]:
        """Yield the statuses of the errors an operation may answer with."""
        yield from ("400", "401", "403", "404", "406", "500", "503")
        if self.method != "GET":
            yield from ("409", "413", "415")
        if self.method == "POST":
            yield "422"
        if self.method != "GET" and isinstance(self.view, VersionedView):
            yield "412"
        if self.view.get_throttles():
            yield "429"

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        schema = super()._map_basic_serializer(  # type: ignore[no-untyped-call]
            serializer, direction
        )
        if isinstance(serializer, Given):
            schema["additionalProperties"] = False
        return schema
