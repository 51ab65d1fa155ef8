"""The first installed app: it sets the broker before any actor is imported."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.db.models.signals import post_migrate

from config import broker


class ConfigAppConfig(AppConfig):
    """Where the rooms meet: commands of the machine, URLs, settings."""

    name = "config"

    def __init__(self, app_name: str, app_module: ModuleType | None) -> None:
        super().__init__(app_name, app_module)
        # Not in `ready`: the actors of apps before this one would be there by then.
        broker.install(settings.BROKER_URL)

    def ready(self) -> None:
        # Only apps with models are announced, and this one has none.
        outbox = apps.get_app_config("outbox")
        post_migrate.connect(_prepare_broker, sender=outbox)


def _prepare_broker(sender: Any, using: str, **kwargs: Any) -> None:
    """Make the broker's tables with all the others, in test databases too."""
    if using == "default":
        broker.prepare(settings.BROKER_URL)
