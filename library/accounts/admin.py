"""A window on the accounts: they are written by facts alone."""

from __future__ import annotations

from django.contrib import admin

from library.accounts.models import Fee
from outbox.windows import Window


@admin.register(Fee)
class FeeWindow(Window):
    list_display = [
        "id",
        "member_id",
        "kind",
        "amount",
        "owed",
        "charged_at",
        "settled_how",
    ]
    ordering = ["-charged_at", "id"]
