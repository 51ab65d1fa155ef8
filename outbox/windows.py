"""Windows of the admin: to look through, not to reach through."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest


class Window(admin.ModelAdmin):  # type: ignore[type-arg]
    """
    A table that the admin shows and never writes.

    What a person may see is still Django's `view` permission.
    """

    show_full_result_count = False  # counts the whole table on every page
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False
