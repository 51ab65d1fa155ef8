"""
Which version of a thing a request is about: `ETag` tells it, `If-Match` asks for it.

The version of a thing is that of its stream. A write with `If-Match` is compared by the
log, under the locks of the operation: nobody comes in between. See RFC 9110, 13.1.1.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

from rest_framework.exceptions import ValidationError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from outbox import log
from outbox.api.views import ApiView

IF_MATCH = "If-Match"
ANY = "*"
VERSION = re.compile(r'"(\d{1,18})"')


class VersionedView(ApiView):
    """
    A view of one thing: a GET is answered with an ETag, a write takes an If-Match.

    `stream` names the thing's stream, with the names of the path's parts in braces.
    """

    stream: ClassVar[str]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Read the version first: what is shown afterwards is never older than it."""
        super().initial(request, *args, **kwargs)
        self._version = (
            log.version_of(self._stream()) if request.method in SAFE_METHODS else 0
        )

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Name the version of what is shown."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        if request.method in SAFE_METHODS and answer.status_code == 200:
            answer["ETag"] = f'"{self._version}"'
        return answer

    def expects(self, request: Request) -> dict[str, int]:
        """
        Return what the log should find, by stream; nothing without an If-Match.

        Raises ValidationError for what is no ETag of ours.
        """
        given = request.headers.get(IF_MATCH, ANY).strip()
        if given == ANY:
            return {}
        found = VERSION.fullmatch(given)
        if found is None:
            raise ValidationError(
                {
                    IF_MATCH: f'An {IF_MATCH} is the ETag of one version, like "3", or '
                    "*. Read the thing to learn it."
                },
                code="invalid_if_match",
            )
        return {self._stream(): int(found[1])}

    def _stream(self) -> str:
        return self.stream.format(**self.kwargs)
