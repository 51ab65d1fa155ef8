"""
`manage.py prepare`: bring a database to what this version needs.

Tables, the broker's own, a first librarian, a sample of books and the policies to start
with where there are none, and the table of routes. Doing it again changes nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.checks import Tags
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

import library.catalog
from config.state import make_state_folder, write_private
from library.catalog import copies
from library.catalog.events import BookCreated
from library.catalog.importing import import_csv
from library.members.users import create_first_librarian
from library.policies.starting import set_starting_policies
from outbox import codec, routes
from outbox.models import Event

SAMPLE = Path(library.catalog.__path__[0]) / "sample.csv"
PASSWORD_FILE = "first_librarian"  # noqa: S105 the name of a file


class Command(BaseCommand):
    """Prepare the database that the settings name."""

    help = "Migrate, make what a library starts with, sync the routes."

    def handle(self, *args: Any, **options: Any) -> None:
        """Do all of it, in order."""
        call_command("migrate", interactive=False, verbosity=0)
        self.check(tags=[Tags.database], databases=["default"])
        self.stdout.write("tables are up to date")
        self._first_librarian()
        self._sample_books()
        self._starting_policies()
        routes.sync()

    @transaction.atomic
    def _first_librarian(self) -> None:
        """Make the librarian; without the file, he would not be kept either."""
        made = create_first_librarian()
        if made:
            path = make_state_folder() / PASSWORD_FILE
            write_private(path, "\n".join(made) + "\n")
            self.stdout.write(f"first librarian {made[0]}: password in {path}")

    def _starting_policies(self) -> None:
        if made := set_starting_policies(now=timezone.now()):
            self.stdout.write(f"{len(made)} policies to start with")

    @transaction.atomic
    def _sample_books(self) -> None:
        # Not "no books": a restored log whose tables wait to be rebuilt has some.
        if not Event.objects.filter(
            type__in=codec.stored_as(BookCreated.type)
        ).exists():
            report = import_csv(SAMPLE, now=timezone.now(), source="sample")
            for number, book in enumerate(report.added, start=1):
                copies.add_copy(
                    book_id=book.book_id,
                    barcode=f"SAMPLE-{number:03}",
                    now=timezone.now(),
                )
            self.stdout.write(f"{len(report.added)} sample books, a copy of each")
