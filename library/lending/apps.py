"""The lending part of the library."""

from __future__ import annotations

from django.apps import AppConfig


class LendingConfig(AppConfig):
    """One part of the library; its tables are folds of its events."""

    name = "library.lending"
    default_auto_field = "django.db.models.BigAutoField"
