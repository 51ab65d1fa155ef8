"""
The app that is installed in the demo only.

Receivers that leave a row for every call, and the commands that play a library day.
"""

from __future__ import annotations

from django.apps import AppConfig


class InsideConfig(AppConfig):
    """Connects the demo's receivers."""

    name = "config.demo.inside"
    label = "demo"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the receivers."""
        from config.demo.inside import receivers  # noqa: F401, PLC0415 - apps first
