"""
`manage.py demo`: the main job without a hand, on a throw-away database.

Books are imported, members registered, loans made; a relay is killed in the middle
of a delivery; and in the end everything that was owed has arrived, once. What is
expected comes from the answers the operations gave, never from our own tables.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from config.demo.errors import DemoFailed, Interrupted
from config.demo.performance import Play, perform
from config.demo.progress import Show
from config.demo.report import Report, compare
from config.management.commands.prepare import SAMPLE

INTERRUPTED = 130  # what a shell says of Ctrl-C


class Command(BaseCommand):
    """Play it, and report."""

    help = "Show the main job from end to end; exit 1 if anything is lost or wrong."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--books", type=_file, default=SAMPLE, metavar="FILE")
        parser.add_argument("--members", type=_count, default=20, metavar="N")
        parser.add_argument("--loans", type=_count, default=60, metavar="N")
        parser.add_argument("--broker", default=os.environ.get("BROKER_URL", ""))
        parser.add_argument("--json", action="store_true", help="the result as JSON")

    def handle(
        self,
        *args: Any,
        books: Path,
        members: int,
        loans: int,
        broker: str,
        json: bool,
        **options: Any,
    ) -> None:
        """Play, compare, report."""
        numbers = (f"--members={members}", f"--loans={loans}")
        play = Play(
            command="demo_play",
            arguments=(f"--books={books.absolute()}", *numbers),
            broker=broker,
        )
        report = _report(play)
        if json:
            self.stdout.write(orjson.dumps(report.figures).decode())
        else:
            Console(file=sys.stdout).print(_table(report))
        for remark in report.remarks:
            (self.stderr if json else self.stdout).write(remark)
        if report.problems:
            raise CommandError("\n".join(["The demo failed:", *report.problems]))


def _report(play: Play) -> Report:
    with Show() as show:
        try:
            played = perform(play, show)
        except Interrupted:
            show.say("interrupted; nothing is left behind")
            sys.exit(INTERRUPTED)
        except DemoFailed as failed:
            raise CommandError(str(failed)) from failed
    return compare(played.owed, played.seen)


def _table(report: Report) -> Table:
    table = Table(show_header=False)
    for name, value in report.figures.items():
        figures = value if isinstance(value, dict) else {"": value}
        said = ", ".join(f"{key} {number}".strip() for key, number in figures.items())
        table.add_row(name.replace("_", " "), said)
    return table


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise ArgumentTypeError(f"there is no file {text!r}")
    return path


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)
