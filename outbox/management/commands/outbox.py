"""
`manage.py outbox`: what an operator asks of the outbox, and orders it to do.

Exit status 0: all is well, or done; 1: something was found, refused or failed, as
the last line says; 2: the command was not understood. With --json, standard output
is one object, or one on each line for lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any, NoReturn
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error
from django.db.models import Q

from outbox import (
    audit,
    console,
    lookup,
    replays,
    resealing,
    retention,
    standing,
    subcommands,
)
from outbox.models import Replay


class Command(BaseCommand):
    """The operator's side of the outbox."""

    help = "Look at what is owed, give the dead another chance, audit, prune."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the subcommands."""
        subcommands.declare(parser)

    def handle(self, *args: Any, subcommand: str, **options: Any) -> None:
        """Do what the subcommand says."""
        self._json: bool = options["json"]
        try:
            getattr(self, f"_{subcommand}")(options)
        except Error as error:
            raise CommandError(
                f"The database cannot be asked: {error}".strip()
                + "\nLook at DATABASE_URL, and run `manage.py prepare` after an update."
            ) from error

    def _status(self, options: dict[str, Any]) -> None:
        now = standing.standing()
        if self._json:
            self.stdout.write(console.as_json({**asdict(now), "late": now.latest()}))
        else:
            self._show_standing(now)
        bound = options["fail_over"]
        if bound is not None and now.latest() > bound:
            raise CommandError(
                f"What is due longest is {now.latest():.0f} s late, and may be "
                f"{bound:.0f}. Is a relay running (`manage.py relay`)?"
            )

    def _show_standing(self, now: standing.Standing) -> None:
        self._table(
            ("channel", "pending", "due", "oldest", "late", "dead", "unknown"),
            [_readable(each) for each in now.channels],
        )
        if now.destinations:
            names = ("channel", "destination", "retried", "dead", "unknown", "error")
            self._rows(names, now.destinations)
        waited = f", for {console.age(now.waiting_for)}" if now.waiting else ""
        self.stdout.write(f"events without a position: {now.waiting:,}{waited}")
        self.stdout.write(f"unfinished replays: {now.replays:,}")

    def _list(self, options: dict[str, Any]) -> None:
        found = lookup.latest_deliveries(
            _matching(options),
            status=options["status"],
            since=options["since"],
            limit=options["limit"],
        )
        if self._json:
            self._lines(found)
        elif not found:
            self.stdout.write("no such deliveries")
        else:
            names = [n for n in lookup.LISTED if n not in HIDDEN]
            self._table(names, [[row[name] for name in names] for row in found])

    def _show(self, options: dict[str, Any]) -> None:
        found = lookup.one_delivery(options["id"])
        if found is None:
            raise CommandError(
                f"There is no delivery {options['id']}. It may have been pruned; "
                "`outbox list` shows those that are there."
            )
        if self._json:
            self.stdout.write(console.as_json(found))
            return
        tries, event = found.pop("tries"), found.pop("event") or {}
        rows = [*found.items(), *((f"event {name}", event[name]) for name in event)]
        self._table(("", ""), rows)
        names = lookup.OF_ATTEMPT
        self._table(names, [[each[name] for name in names] for each in tries])

    def _retry(self, options: dict[str, Any]) -> None:
        self._answer(replays.retry(options["ids"], again=options["again"]))

    def _replay(self, options: dict[str, Any]) -> None:
        ways = [options["event"], options["since"], options["resume"] or None]
        if sum(way is not None for way in ways) != 1:
            _misused("Name one of: an EVENT with --to, --since, or --resume.")
        if (options["event"] is None) != (options["to"] is None):
            _misused("An EVENT goes with --to DESTINATION, and the other way round.")
        if options["event"]:
            self._replay_event(options)
        elif options["since"]:
            self._carry_out([replays.order(**_named(options), since=options["since"])])
        else:
            unfinished = replays.unfinished()
            self._carry_out(list(Replay.objects.filter(id__in=unfinished)))

    def _replay_event(self, options: dict[str, Any]) -> None:
        event_id: UUID = options["event"]
        answers = replays.retry_event(
            event_id,
            destination=options["to"],
            channel=options["channel"],
            again=options["again"],
        )
        if not answers:
            raise CommandError(
                f"Event {event_id} was not owed to {options['to']!r}, or it has been "
                f"pruned. `outbox list --destination …` shows what is there."
            )
        self._answer(answers)

    def _carry_out(self, orders: Sequence[Replay]) -> None:
        for order in orders:
            with console.progress("replay") as advance:
                done = replays.carry_out(
                    order.id, progress=lambda each: advance(each.seen, each.last)
                )
            replayed = done.replayed if done else 0
            if self._json:
                said = {"id": order.id, "replayed": replayed, "finished": bool(done)}
                self.stdout.write(console.as_json(said))
            else:
                self.stdout.write(f"{replayed:,} dead deliveries start anew")
        if not orders and not self._json:
            self.stdout.write("no replay is unfinished")

    def _prune(self, options: dict[str, Any]) -> None:
        days, dry_run = options["days"], options["dry_run"]
        keep = timedelta(days=days) if days else retention.window()
        pruned = retention.prune(keep=keep, dry_run=dry_run)
        if self._json:
            self.stdout.write(console.as_json({**asdict(pruned), "dry_run": dry_run}))
            return
        done = "would be" if dry_run else "were"
        self.stdout.write(
            f"{pruned.deliveries:,} deliveries of {pruned.events:,} events, with "
            f"{pruned.attempts:,} attempts, {done} pruned"
        )

    def _audit(self, options: dict[str, Any]) -> None:
        found = audit.audit()
        if options["repair"] and any(each.code == audit.FORGOTTEN for each in found):
            repaired = audit.repair()
            self.stderr.write(f"{repaired:,} forgotten events wait for a position now")
            found = audit.audit()
        if self._json:
            self._lines([asdict(each) for each in found])
        elif found:
            self._rows(("code", "count", "example", "meaning"), found)
        if found:
            raise CommandError(
                f"{len(found)} of {len(audit.CHECKS)} checks failed; what each means "
                "and what to do stands in docs/operations.md, The outbox commands."
            )
        if not self._json:
            self.stdout.write(f"all {len(audit.CHECKS)} checks passed")

    def _reseal(self, options: dict[str, Any]) -> None:
        dry_run = options["dry_run"]
        with console.progress("reseal") as advance:
            found = resealing.reseal(dry_run=dry_run, progress=advance)
        if self._json:
            self.stdout.write(console.as_json({**asdict(found), "dry_run": dry_run}))
        else:
            done = "would be" if dry_run else "were"
            for key, count in found.resealed.items():
                self.stdout.write(f"{count:,} {done} sealed anew, from {key!r}")
            self.stdout.write(f"{found.already:,} are under {found.key!r} already")
        if found.unopened:
            keys = ", ".join(
                f"{count:,} of {key!r}" for key, count in found.unopened.items()
            )
            raise CommandError(
                f"Some do not open: {keys}. If that key is not here, put it back into "
                "SEALING_KEYS (or SECRET_KEY); if it is, rotate what it sealed."
            )

    def _answer(self, answers: Sequence[replays.Answer]) -> None:
        for each in answers:
            line = f"{each.id}: {each.said}"
            self.stdout.write(console.as_json(each) if self._json else line)
        if refused := sum(not each.started for each in answers):
            raise CommandError(f"{refused} of {len(answers)} did not start anew.")

    def _lines(self, rows: Any) -> None:
        for row in rows:
            self.stdout.write(console.as_json(row))

    def _rows(self, names: Sequence[str], found: Sequence[Any]) -> None:
        self._table(names, [[getattr(each, name) for name in names] for each in found])

    def _table(self, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        self.stdout.write(console.table(names, rows))


HIDDEN = ("event_id", "position", "created_at")  # `show` has them, and so has --json


def _matching(options: dict[str, Any]) -> Q:
    return lookup.matching(**_named(options))


def _named(options: dict[str, Any]) -> dict[str, str]:
    return {name: options[name] for name in ("channel", "destination", "event_type")}


def _readable(each: standing.ChannelStanding) -> list[Any]:
    ages = {"oldest": console.age(each.oldest), "late": console.age(each.late)}
    return list({**asdict(each), **ages}.values())


def _misused(reason: str) -> NoReturn:
    raise CommandError(f"{reason} See `manage.py outbox replay --help`.", returncode=2)
