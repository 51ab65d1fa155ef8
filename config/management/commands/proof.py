"""
`manage.py proof [WHAT]`: the long form of every claim, with a figure and a verdict.

Exits 1 if a claim fails, and 2 for a WHAT that is unknown or claims nothing. The
environment variable BOOKS names the file the demo is played on.
"""

from __future__ import annotations

import contextlib
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.management.base import BaseCommand
from rich.console import Console
from rich.table import Table

from config.demo.errors import DemoFailed, Interrupted
from config.proof import registry
from config.proof.claims import Claim, Finding

INTERRUPTED = 130  # what a shell says of Ctrl-C


class Command(BaseCommand):
    """Check claims, and print what was found."""

    help = "Prove the claims, the long way; exit 1 if one fails."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("what", nargs="?", help="default: all there is")

    def handle(self, *args: Any, what: str | None, **options: Any) -> None:
        """Check, and tell."""
        claims = _claims(what)
        if not claims:
            known = ", ".join(name for name, each in registry.CLAIMS.items() if each)
            self.stderr.write(f"Nothing is claimed about {what!r}. There is: {known}")
            sys.exit(2)
        try:
            with _stopped_by_signals():
                found = list(self._checked(claims))
        except (Interrupted, KeyboardInterrupt):
            self.stderr.write("interrupted; nothing is left behind")
            sys.exit(INTERRUPTED)
        failed = sum(not finding.holds for _, finding in found)
        Console(file=sys.stdout).print(_table(found))
        self.stdout.write(f"{len(found)} claims, {failed} failed")
        sys.exit(1 if failed else 0)

    def _checked(self, claims: Iterable[Claim]) -> Iterator[tuple[Claim, Finding]]:
        for claim in claims:
            self.stderr.write(f"checking: {claim.sentence} …")
            yield claim, _finding(claim)


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Take SIGTERM for a Ctrl-C: whatever is running is cleaned up."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    handler = signal.default_int_handler
    before = [signal.signal(number, handler) for number in numbers]
    try:
        yield
    finally:
        for number, earlier in zip(numbers, before, strict=True):
            signal.signal(number, earlier)


def _claims(what: str | None) -> list[Claim]:
    if what:
        return list(registry.CLAIMS.get(what, ()))
    return [claim for claims in registry.CLAIMS.values() for claim in claims]


def _finding(claim: Claim) -> Finding:
    try:
        return claim.check()
    except DemoFailed as failed:
        return Finding(str(failed), False)
    except Exception as error:  # noqa: BLE001 - a claim that cannot be checked fails
        return Finding(f"{type(error).__name__}: {error}", False)


def _table(found: Iterable[tuple[Claim, Finding]]) -> Table:
    table = Table("claim", "figure", "verdict")
    for claim, finding in found:
        verdict = "holds" if finding.holds else "FAILS"
        table.add_row(claim.sentence, finding.figure, verdict)
    return table
