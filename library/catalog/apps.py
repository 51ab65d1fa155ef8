"""The catalog part of the library."""

from __future__ import annotations

from django.apps import AppConfig


class CatalogConfig(AppConfig):
    """One part of the library; its tables are folds of its events."""

    name = "library.catalog"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks of all parts: each stands on this one."""
        from library import checks  # noqa: F401, PLC0415 - apps first
