"""The accounts part of the library."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """One part of the library; its tables are folds of its events."""

    name = "library.accounts"
    default_auto_field = "django.db.models.BigAutoField"
