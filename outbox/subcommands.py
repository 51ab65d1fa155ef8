"""The subcommands of `manage.py outbox` and what may be said to each."""

from __future__ import annotations

import argparse
from uuid import UUID

from django.core.management.base import CommandParser

from outbox import console
from outbox.channels.registry import channels
from outbox.models import Status

SUBCOMMANDS = {
    "status": "what is owed, how late it is, and what has failed",
    "list": "deliveries, the latest first",
    "show": "one delivery, its event and every attempt",
    "retry": "start deliveries anew, named by their ids",
    "replay": "start anew what has died, by time and kind",
    "prune": "remove what ended long ago",
    "audit": "prove that everything owed is accounted for",
    "reseal": "seal the secrets at rest anew, under the newest key",
}


def declare(parser: CommandParser) -> None:
    """Declare all of them."""
    added = parser.add_subparsers(dest="subcommand", required=True, metavar="COMMAND")
    of = {
        name: added.add_parser(name, help=text, description=text)
        for name, text in SUBCOMMANDS.items()
    }
    for each in of.values():
        each.add_argument("--json", action="store_true", help="for programs")
    of["status"].add_argument(
        "--fail-over",
        type=console.seconds,
        metavar="SECONDS",
        help="exit with 1 if something due, or an event without a position, is later",
    )
    _declare_list(of["list"])
    of["show"].add_argument("id", type=console.count, metavar="ID")
    of["retry"].add_argument("ids", type=console.count, nargs="+", metavar="ID")
    _declare_again(of["retry"])
    _declare_replay(of["replay"])
    of["prune"].add_argument(
        "--days",
        type=console.days,
        help="keep what ended in so many days; KEEP_DELIVERIES_DAYS if not given",
    )
    of["prune"].add_argument(
        "--dry-run", action="store_true", help="count, and leave everything as it is"
    )
    of["audit"].add_argument(
        "--repair",
        action="store_true",
        help="make the outbox rows of forgotten events again",
    )
    of["reseal"].add_argument(
        "--dry-run", action="store_true", help="count, and leave everything as it is"
    )


def _declare_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--status", choices=Status.values, default="")
    _declare_kind(parser)
    parser.add_argument(
        "--since", type=console.moment, help="owed since: a moment, or 2h, 7d"
    )
    parser.add_argument(
        "--limit", type=console.count, default=50, help="how many at most; 50"
    )


def _declare_replay(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("event", nargs="?", type=UUID, metavar="EVENT")
    parser.add_argument("--to", metavar="DESTINATION", help="of the one EVENT")
    parser.add_argument(
        "--since", type=console.moment, help="died since: a moment, or 2h, 7d"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with what was not finished"
    )
    _declare_kind(parser)
    _declare_again(parser)


def _declare_kind(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--channel", choices=sorted(channels()), default="")
    parser.add_argument("--destination", default="")
    parser.add_argument("--type", dest="event_type", default="", metavar="EVENT_TYPE")


def _declare_again(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--again",
        action="store_true",
        help="also what was delivered, once more; refused for effects of our own",
    )
