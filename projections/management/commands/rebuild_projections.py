"""`manage.py rebuild_projections`: make tables anew from the log."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from outbox.console import count
from outbox.folds import Fold
from outbox.progress import shown
from projections import registry
from projections.errors import RebuildRefused, UnknownProjection
from projections.reading import last_position
from projections.rebuild import Rebuilt, rebuild
from projections.verify import Difference, differences
from projections.workers import NICENESS, Workers, worth_it


class Command(BaseCommand):
    """Rebuild read models, or the domain's own tables, while the house is open."""

    help = (
        "Make tables anew from the event log, while everybody goes on. Without a "
        f"NAME: all read models. {registry.DOMAIN!r}: all of the domain's own tables."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("names", nargs="*", metavar="NAME")
        parser.add_argument(
            "--parallel",
            type=count,
            metavar="PROCESSES",
            help="fold in so many processes; by default as many as are worth it",
        )
        parser.add_argument(
            "--verify",
            action="store_true",
            help="verify afterwards, and exit with 1 if a row differs",
        )
        parser.add_argument(
            "--json", action="store_true", help="print one JSON object, no progress"
        )

    def run_from_argv(self, argv: list[str]) -> None:
        """Work behind everybody else, as a command of its own."""
        os.nice(NICENESS)
        super().run_from_argv(argv)

    def handle(self, *args: Any, **options: Any) -> None:
        """Rebuild, and say how fast it went."""
        self._quiet: bool = options["json"]
        found: list[Difference] = []
        try:
            folds = registry.named(options["names"] or registry.read_models())
            with Workers(options["parallel"] or worth_it(last_position())) as workers:
                done = [
                    self._rebuild(name, group, workers)
                    for name, group in registry.groups(folds).items()
                ]
                if options["verify"]:
                    found = differences(*folds, workers=workers)
        except (UnknownProjection, RebuildRefused) as error:
            raise CommandError(str(error)) from error
        if self._quiet:
            answer: dict[str, Any] = {"rebuilt": [asdict(each) for each in done]}
            verified = {"differences": [str(each) for each in found]}
            answer |= verified if options["verify"] else {}
            self.stdout.write(json.dumps(answer))
        elif options["verify"]:
            self.stdout.write(f"verified: {len(found) or 'nothing'} differs")
        if found:
            raise CommandError(
                f"{len(found)} row(s) differ after the rebuild, the first: {found[0]}. "
                "Somebody writes these tables by hand, or a fold is not pure."
            )

    def _rebuild(self, name: str, group: list[Fold], workers: Workers) -> Rebuilt:
        if self._quiet:
            return rebuild(*group, workers=workers)
        with shown(name, sys.stderr) as progress:
            done = rebuild(*group, workers=workers, progress=progress)
        in_place = done.corrected is not None
        how = f", {done.corrected:,} corrected" if in_place else ""
        self.stdout.write(
            f"{name}: {done.events:,} events, {done.rows:,} rows{how}, "
            f"{done.seconds:.1f} s, {done.events / done.seconds:,.0f} events/s"
        )
        return done
