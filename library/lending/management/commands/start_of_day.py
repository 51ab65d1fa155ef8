"""
`manage.py start_of_day`: what relays do by themselves, now and by hand.

Doing it twice, or in two places at once, does nothing twice.
"""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, date, datetime, time
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from library.lending import start_of_day


class Command(BaseCommand):
    """Do the duties of the day, and say how many entries each had."""

    help = "Move dates, expire holds, hand copies out, say what is due, forget the old."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the option."""
        parser.add_argument(
            "--date",
            type=date.fromisoformat,
            help="what was due when this day began, by UTC; default: what is due now",
        )

    def handle(self, *args: Any, date: date | None, **options: Any) -> None:
        """Do it, and fail where an entry did."""
        now = timezone.now()
        if date is not None:
            asked = datetime.combine(date, time.min, UTC)
            if asked > now:
                raise CommandError(f"{date} has not begun. Give a day that has.")
            now = asked
        done = start_of_day.run(now=now)
        for each in done:
            self.stdout.write(f"{each.duty}: {each.done} done, {each.failed} failed")
        if any(each.failed for each in done):
            raise CommandError("Some entries failed. The log says why; run it again.")
