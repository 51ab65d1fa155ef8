"""Windows on the catalogue: it is written by facts alone."""

from __future__ import annotations

from django.contrib import admin

from library.catalog.models import Book, Copy
from outbox.windows import Window


@admin.register(Book)
class BookWindow(Window):
    list_display = ["title", "isbn13", "year", "created_at", "withdrawn_at"]
    search_fields = ["title", "isbn13"]
    ordering = ["title", "id"]


@admin.register(Copy)
class CopyWindow(Window):
    list_display = ["barcode", "book", "added_at", "removed_at"]
    list_select_related = ["book"]
    search_fields = ["barcode"]
    ordering = ["barcode"]
