"""A window on the loans: they are written by facts alone."""

from __future__ import annotations

from django.contrib import admin

from library.lending.models import Hold, Loan, Transit
from outbox.windows import Window


@admin.register(Loan)
class LoanWindow(Window):
    list_display = ["id", "book", "copy", "member_id", "due_at", "returned_at"]
    list_select_related = ["book", "copy"]
    search_fields = ["copy__barcode"]
    ordering = ["-borrowed_at", "id"]


@admin.register(Transit)
class TransitWindow(Window):
    list_display = ["id", "copy", "from_branch", "to_branch", "sent_at"]
    list_select_related = ["copy", "from_branch", "to_branch"]
    ordering = ["sent_at", "id"]


@admin.register(Hold)
class HoldWindow(Window):
    list_display = ["id", "book", "member_id", "number", "status", "pickup_until"]
    list_select_related = ["book"]
    ordering = ["-placed_at", "id"]
