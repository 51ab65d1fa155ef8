"""Stands before django-outbox-pattern's command of the same name, and refuses."""

from __future__ import annotations

from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    """Refuse, with the reason."""

    help = "Not used here: `manage.py relay` sends what is owed."

    def handle(self, *args: Any, **options: Any) -> NoReturn:
        """Say why not, and what to run instead."""
        raise CommandError(
            "publish is switched off: it deletes every outbox row older than 30 days, "
            "sent or not, and silently skips rows that have expired. "
            "Run `manage.py relay` instead."
        )
