"""
`manage.py inbound`: the sources that send us messages, and their secrets.

    manage.py inbound                       which there are
    manage.py inbound bounces --new         make a secret; it is shown this once
    manage.py inbound bounces --given       take the partner's own, from standard input
    manage.py inbound bounces --keep-newest forget those it has replaced
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from outbox import inbound
from outbox.models import InboundSecret


class Command(BaseCommand):
    """List sources, and change their secrets."""

    help = "The sources that send us messages, and their secrets."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("source", nargs="?")
        change = parser.add_mutually_exclusive_group()
        change.add_argument("--new", action="store_true", help="make a secret")
        change.add_argument(
            "--given", action="store_true", help="take a secret from standard input"
        )
        change.add_argument(
            "--keep-newest", action="store_true", help="forget all but the newest"
        )

    def handle(self, *args: Any, source: str | None, **options: Any) -> None:
        """Do what is asked."""
        try:
            if options["new"] and source:
                self.stdout.write(inbound.add_secret(source))
            elif options["given"] and source:
                inbound.add_secret(source, sys.stdin.readline().strip())
            elif options["keep_newest"] and source:
                self.stdout.write(f"{inbound.keep_newest(source)} forgotten")
            else:
                self._list()
        except inbound.InvalidSource as error:
            raise CommandError(str(error)) from None

    def _list(self) -> None:
        for name, said in inbound.configured().items():
            count = InboundSecret.objects.filter(source=name).count()
            line = f"{name}: {count} secrets, {inbound.scheme_of(name)}, "
            self.stdout.write(f"{line}{said['handler']}")
