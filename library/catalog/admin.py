"""Windows on the catalogue: it is written by facts alone."""

from __future__ import annotations

from django.contrib import admin

from library.catalog.models import Book, Branch, Copy
from outbox.windows import Window


@admin.register(Book)
class BookWindow(Window):
    list_display = ["title", "isbn13", "year", "created_at", "withdrawn_at"]
    search_fields = ["title", "isbn13"]
    ordering = ["title", "id"]


@admin.register(Branch)
class BranchWindow(Window):
    list_display = ["name", "time_zone", "closed_weekdays"]
    search_fields = ["name"]
    ordering = ["name"]


@admin.register(Copy)
class CopyWindow(Window):
    list_display = ["barcode", "book", "branch", "kind", "added_at", "removed_at"]
    list_select_related = ["book", "branch"]
    search_fields = ["barcode"]
    ordering = ["barcode"]
