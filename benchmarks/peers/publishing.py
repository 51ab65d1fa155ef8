"""Settings with django-outbox-pattern alone: with ours beside, its command is ours."""

from __future__ import annotations

import os

from config.settings import DATABASES, SECRET_KEY

__all__ = ["DATABASES", "DJANGO_OUTBOX_PATTERN", "INSTALLED_APPS", "SECRET_KEY"]

USE_TZ = True
INSTALLED_APPS = ["django_outbox_pattern"]
DJANGO_OUTBOX_PATTERN = {
    "DEFAULT_STOMP_HOST_AND_PORTS": [("127.0.0.1", int(os.environ["STOMP_PORT"]))]
}
