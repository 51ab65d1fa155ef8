"""`manage.py demo_scene`: one small situation, for a claim of `manage.py proof`."""

from __future__ import annotations

import statistics
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from config.demo import ledger
from config.demo.inside.acting import Player
from config.demo.ledger import Ledger
from library.catalog.books import add_book
from library.catalog.copies import add_copy
from library.lending.loans import borrow_copy, return_copy
from library.members.preferences import change_preferences
from outbox.context import acting

TIMES = 20
TIMED = 150
WARMING_UP = 20


class ChangedMind(Exception):
    """Rolls a borrow back."""


class Command(BaseCommand):
    """Play one scene."""

    help = "Play one scene of a proof."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("folder", type=Path)
        parser.add_argument(
            "scene", choices=["rolled_back", "answered_back", "latency"]
        )

    def handle(self, *args: Any, folder: Path, scene: str, **options: Any) -> None:
        """Play it."""
        self.player = Player(folder)
        self.notes = Ledger(folder, ledger.NOTES)
        registered, self.email = self.player.register(2)
        self.member_id = registered.member_id
        getattr(self, f"_{scene}")()

    def _rolled_back(self) -> None:
        """Borrow in vain and in earnest, in turn."""
        copy_id = self._copy()
        for _ in range(TIMES):
            self._borrow_in_vain(copy_id)
            self._borrow(copy_id)
            self.player.act(return_copy, copy_id=copy_id, told=self.email)

    def _borrow_in_vain(self, copy_id: UUID) -> None:
        try:
            with transaction.atomic(), acting() as cause:
                borrow_copy(
                    copy_id=copy_id, member_id=self.member_id, now=timezone.now()
                )
                raise ChangedMind
        except ChangedMind:
            for event_id in cause.recorded:
                self.notes.note(rolled_back=event_id.hex)

    def _answered_back(self) -> None:
        """Do what a receiver answers by doing the same."""
        self.player.act(change_preferences, member_id=self.member_id, language="en")

    def _latency(self) -> None:
        """Time many borrows, as a reader at the desk would."""
        copy_id = self._copy()
        seconds = []
        for _ in range(WARMING_UP + TIMED):
            before = time.perf_counter()
            self._borrow(copy_id)
            seconds.append(time.perf_counter() - before)
            self.player.act(return_copy, copy_id=copy_id, told=self.email)
        # Waiting for a broker may well happen the first time only.
        median = statistics.median(seconds[WARMING_UP:])
        self.notes.note(median=median, slowest=max(seconds))

    def _copy(self) -> UUID:
        book = self.player.act(add_book, title="Sarob", authors=["Abdulla Qahhor"])
        added = self.player.act(add_copy, book_id=book.book_id, barcode="SCENE")
        return added.copy_id

    def _borrow(self, copy_id: UUID) -> None:
        who = {"copy_id": copy_id, "member_id": self.member_id}
        self.player.act(borrow_copy, told=self.email, **who)
