"""The news of the library."""

from __future__ import annotations

from django.apps import AppConfig


class NewsConfig(AppConfig):
    """One part of the library; its tables are folds of its events."""

    name = "library.news"
    default_auto_field = "django.db.models.BigAutoField"
