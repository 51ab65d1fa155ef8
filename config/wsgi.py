"""What gunicorn serves."""

from __future__ import annotations

import os
from typing import Any

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.core.wsgi import get_wsgi_application


class Request(WSGIRequest):
    """A request whose Content-Type may be nonsense: it then has none, which is 415."""

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        # Django raises from the constructor, where no handler answers yet.
        try:
            super()._set_content_type_params(meta)  # type: ignore[misc]
        except (ValueError, LookupError):
            self.content_type, self.content_params = "", {}


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application: WSGIHandler = get_wsgi_application()
application.request_class = Request
