"""Settings with django-domain-events alone: webhooks would add a query to each fire."""

from __future__ import annotations

from benchmarks.peers.settings import *  # noqa: F403

INSTALLED_APPS = [
    app
    for app in INSTALLED_APPS  # noqa: F405
    if app != "django_outbound_webhooks"
]
