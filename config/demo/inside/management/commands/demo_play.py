"""`manage.py demo_play`: a library's day, in a few threads at once."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.demo import plan
from config.demo.inside.acting import Player, address_of
from library.catalog.copies import add_copy
from library.lending.loans import borrow_copy, return_copy
from library.members.models import User

T = TypeVar("T")
R = TypeVar("R")

THREADS = 4


class Command(BaseCommand):
    """Play the library's part in a demo."""

    help = "Import books, add copies, register members, lend and take back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("folder", type=Path)
        parser.add_argument("--books", type=Path, required=True)
        parser.add_argument("--members", type=int, required=True)
        parser.add_argument("--loans", type=int, required=True)

    def handle(
        self,
        *args: Any,
        folder: Path,
        books: Path,
        members: int,
        loans: int,
        **options: Any,
    ) -> None:
        """Do everything, in the order of a real day."""
        self.player = Player(folder)
        added = [event.book_id for event in self.player.import_books(books)]
        if not added:
            raise CommandError(f"{books} holds no book that can be catalogued.")
        self.stdout.write(f"{len(added)} books imported")
        copies = _at_once(self._add_copy, enumerate(added[:loans], start=1))
        self.stdout.write(f"{len(copies)} copies on the shelf")
        emails = self._members(members)
        self.stdout.write(f"{members} members registered")
        self._lend(emails, copies, loans)
        self.stdout.write(f"{loans} loans made")

    def _add_copy(self, numbered: tuple[int, UUID]) -> UUID:
        number, book_id = numbered
        barcode = f"DEMO{number:06}"
        return self.player.act(add_copy, book_id=book_id, barcode=barcode).copy_id

    def _members(self, count: int) -> dict[UUID, str]:
        """Return the address of each member; the first was there before."""
        first = User.objects.get(username="reader-1")
        more = _at_once(self.player.register, range(2, count + 1))
        return {first.id: address_of(1)} | {
            registered.member_id: email for registered, email in more
        }

    def _lend(
        self, emails: dict[UUID, str], copies: Sequence[UUID], loans: int
    ) -> None:
        """Share members and copies out, so that no desk stands in another's way."""
        desks = min(THREADS, len(emails), len(copies))
        shares = zip(
            plan.shares(list(emails), desks),
            plan.shares(copies, desks),
            plan.parts(loans, desks),
            strict=True,
        )
        limit = settings.LENDING["LOAN_LIMIT"]

        def serve(share: tuple[Sequence[UUID], Sequence[UUID], int]) -> None:
            theirs, shelf, count = share
            for step in plan.steps(theirs, shelf, loans=count, limit=limit):
                self._do(step, emails[step.member_id])

        _at_once(serve, shares)

    def _do(self, step: plan.Borrow | plan.Return, email: str) -> None:
        if isinstance(step, plan.Borrow):
            who = {"copy_id": step.copy_id, "member_id": step.member_id}
            self.player.act(borrow_copy, told=email, **who)
        else:
            self.player.act(return_copy, told=email, copy_id=step.copy_id)


def _at_once(work: Callable[[T], R], things: Iterable[T]) -> list[R]:
    """Do the same to many things, a few at a time; raise the first failure."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, things))
