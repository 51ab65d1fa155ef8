"""`manage.py rebuild_projections`: make tables anew from the log."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from outbox.folds import Fold
from projections import registry
from projections.errors import CannotFold, UnknownProjection
from projections.progress import shown
from projections.rebuild import Rebuilt, rebuild


class Command(BaseCommand):
    """Rebuild read models, or the domain's own tables."""

    help = (
        "Make tables anew from the event log. Without a NAME: all read models. "
        "A NAME of the domain's own tables replays all of these together, while "
        "operations wait."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("names", nargs="*", metavar="NAME")
        parser.add_argument(
            "--json", action="store_true", help="print one JSON object, no progress"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Rebuild, and say how fast it went."""
        try:
            folds = registry.named(options["names"] or registry.read_models())
            done = [
                self._rebuild(name, group, quiet=options["json"])
                for name, group in registry.groups(folds).items()
            ]
        except (UnknownProjection, CannotFold) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps({"rebuilt": [asdict(each) for each in done]}))

    def _rebuild(self, name: str, group: list[Fold], *, quiet: bool) -> Rebuilt:
        if quiet:
            return rebuild(group)
        with shown(name, sys.stderr) as progress:
            done = rebuild(group, progress)
        self.stdout.write(
            f"{name}: {done.events:,} events, {done.rows:,} rows, "
            f"{done.seconds:.1f} s, {done.events / done.seconds:,.0f} events/s"
        )
        return done
