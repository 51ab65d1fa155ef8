"""A window on what was announced."""

from __future__ import annotations

from django.contrib import admin

from library.news.models import Announcement
from outbox.windows import Window


@admin.register(Announcement)
class AnnouncementWindow(Window):
    list_display = ["day", "titles", "announced_at"]
    ordering = ["-day"]
