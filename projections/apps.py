"""The projections: what readers see."""

from __future__ import annotations

from django.apps import AppConfig


class ProjectionsConfig(AppConfig):
    """Read models and the engine that keeps them; registers its checks."""

    name = "projections"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks."""
        from projections import checks  # noqa: F401, PLC0415 - apps first
