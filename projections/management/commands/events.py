"""`manage.py events why`: which events made a row."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from outbox.errors import Unanswerable
from projections import as_of, registry
from projections.as_of import Change
from projections.errors import UnknownProjection


class Command(BaseCommand):
    """Explain rows by the events that made them."""

    help = "Say which events made a row of a folded table, and what each changed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        asked = parser.add_subparsers(dest="subcommand", required=True)
        why = asked.add_parser("why", help=self.help)
        why.add_argument("table", metavar="TABLE")
        why.add_argument("key", type=UUID, metavar="KEY")
        why.add_argument("--column", help="only events that changed this column")
        why.add_argument("--json", action="store_true", help="for programs")

    def handle(
        self, *args: Any, table: str, key: UUID, column: str | None, **options: Any
    ) -> None:
        """Print one line for each event, and the columns that it changed."""
        try:
            (fold,) = registry.named([table])
            if column and column not in fold.columns:
                raise CommandError(
                    f"{table} has no column {column!r}: {', '.join(fold.columns)}."
                )
            found = [
                each
                for each in as_of.changes(fold, key)
                if not column or column in each.before
            ]
        except (UnknownProjection, Unanswerable) as error:
            raise CommandError(str(error)) from error
        if not found:
            raise CommandError(f"No event made a row {key} of {table}.")
        for each in found:
            self.stdout.write(_as_json(each) if options["json"] else _as_text(each))


def _as_text(change: Change) -> str:
    recorded = change.recorded
    who = recorded.metadata.get("actor", "")
    where = recorded.position or "no position yet"
    first = (
        f"{recorded.occurred_at:%Y-%m-%d %H:%M:%S} {recorded.event.type} "
        f"{recorded.id} at {where} by {who}"
    )
    if change.after is None:
        return f"{first}\n    the row ended"
    changed = (
        f"    {name}: {change.before[name]} -> {value}"
        for name, value in change.after.items()
    )
    return "\n".join([first, *changed])


def _as_json(change: Change) -> str:
    recorded = change.recorded
    return json.dumps(
        {
            "event_id": recorded.id,
            "type": recorded.event.type,
            "position": recorded.position,
            "occurred_at": recorded.occurred_at.isoformat(),
            "actor": recorded.metadata.get("actor", ""),
            "before": change.before,
            "after": change.after,
        },
        default=str,
    )
