"""`manage.py verify_projections`: compare tables with a fold from nothing."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from outbox.folds import Fold
from projections import registry
from projections.errors import CannotFold, UnknownProjection
from projections.progress import shown
from projections.verify import differences

MOST_SHOWN = 20


class Command(BaseCommand):
    """Verify read models and the domain's own tables."""

    help = (
        "Compare tables with a fold of the event log from nothing; exit with 1 if "
        "a row differs. Without a NAME: all of them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("names", nargs="*", metavar="NAME")

    def handle(self, *args: Any, names: list[str], **options: Any) -> None:
        """Print what differs."""
        try:
            folds = registry.named(names or registry.every_fold())
            found = sum(
                self._verify(name, group)
                for name, group in registry.groups(folds).items()
            )
        except (UnknownProjection, CannotFold) as error:
            raise CommandError(str(error)) from error
        if found:
            raise CommandError(
                f"{found} row(s) differ. `rebuild_projections NAME` makes a table anew."
            )

    def _verify(self, name: str, group: list[Fold]) -> int:
        with shown(name, sys.stderr) as progress:
            found = differences(*group, progress=progress)
        for difference in found[:MOST_SHOWN]:
            self.stdout.write(str(difference))
        self.stdout.write(f"{name}: {len(found) or 'nothing'} differs")
        return len(found)
