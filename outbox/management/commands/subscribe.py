"""Stands before django-outbox-pattern's command of the same name, and refuses."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    """Refuse, with the reason."""

    help = "Not used here: receivers are delivered to by `manage.py relay`."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the arguments of the command that this one replaces."""
        parser.add_argument("names", nargs="*")

    def handle(self, *args: Any, **options: Any) -> NoReturn:
        """Say why not, and what to do instead."""
        raise CommandError(
            "subscribe is switched off: it marks a message as received apart from "
            "what the receiver does, so one of the two can be lost. Connect a receiver "
            "to a signal in library/signals.py and run `manage.py relay`."
        )
