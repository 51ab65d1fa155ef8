"""A window on the policies: they are written by facts alone."""

from __future__ import annotations

from django.contrib import admin

from library.policies.models import Policy
from outbox.windows import Window


@admin.register(Policy)
class PolicyWindow(Window):
    list_display = ["name", "version", "branch", "category", "kind", "loan_days"]
    list_select_related = ["branch"]
    ordering = ["name", "id"]
