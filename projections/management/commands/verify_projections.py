"""`manage.py verify_projections`: compare tables with a fold from nothing."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from outbox.console import count
from outbox.folds import Fold
from outbox.progress import shown
from projections import registry
from projections.errors import RebuildRefused, UnknownProjection
from projections.reading import last_position
from projections.rebuild import rebuild
from projections.verify import Difference, differences
from projections.workers import NICENESS, Workers, worth_it

MOST_SHOWN = 20


class Command(BaseCommand):
    """Verify read models and the domain's own tables."""

    help = (
        "Compare tables with a fold of the event log from nothing, without a lock; "
        "exit with 1 if a row differs. Without a NAME: all of them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("names", nargs="*", metavar="NAME")
        parser.add_argument(
            "--repair",
            action="store_true",
            help="correct the rows that differ, and no others, and compare again",
        )
        parser.add_argument("--parallel", type=count, metavar="PROCESSES")
        parser.add_argument(
            "--json", action="store_true", help="print one JSON object, no progress"
        )

    def run_from_argv(self, argv: list[str]) -> None:
        """Work behind everybody else, as a command of its own."""
        os.nice(NICENESS)
        super().run_from_argv(argv)

    def handle(self, *args: Any, names: list[str], **options: Any) -> None:
        """Print what differs."""
        self._quiet: bool = options["json"]
        try:
            folds = registry.named(names or registry.every_fold())
            with Workers(options["parallel"] or worth_it(last_position())) as workers:
                self._workers = workers
                found = self._verify(folds)
                answer: dict[str, Any] = {"differences": list(map(asdict, found))}
                if found and options["repair"]:
                    answer["repaired"] = self._repair(folds, found)
                    found = self._verify(folds)
        except (UnknownProjection, RebuildRefused) as error:
            raise CommandError(str(error)) from error
        if self._quiet:
            self.stdout.write(json.dumps(answer, default=str))
        if found:
            raise CommandError(
                f"{len(found)} row(s) differ. `verify_projections --repair` corrects "
                "them, and no others."
            )

    def _verify(self, folds: Sequence[Fold]) -> list[Difference]:
        return [each for fold in folds for each in self._verify_one(fold)]

    def _verify_one(self, fold: Fold) -> list[Difference]:
        if self._quiet:
            return differences(fold, workers=self._workers)
        with shown(fold.name, sys.stderr) as progress:
            found = differences(fold, workers=self._workers, progress=progress)
        for difference in found[:MOST_SHOWN]:
            self.stdout.write(str(difference))
        self.stdout.write(f"{fold.name}: {len(found) or 'nothing'} differs")
        return found

    def _repair(self, folds: Sequence[Fold], found: Sequence[Difference]) -> int:
        wrong = {each.table for each in found}
        groups = registry.groups(fold for fold in folds if fold.name in wrong)
        corrected = sum(
            rebuild(*group, in_place=True, workers=self._workers).corrected or 0
            for group in groups.values()
        )
        if not self._quiet:
            self.stdout.write(f"{corrected} row(s) corrected; comparing again")
        return corrected
