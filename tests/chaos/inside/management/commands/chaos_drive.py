"""`manage.py chaos_drive`: a few desks at work, until there is a file `closing`."""

from __future__ import annotations

import threading
import time
from argparse import ArgumentParser
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.db import Error, connection
from django_outbox_pattern.models import Published

from config.demo import ledger
from config.demo.ledger import Ledger
from outbox.models import Delivery, Status
from tests.chaos import ledgers
from tests.chaos.inside.desk import Desk

LOOK = 0.2  # seconds
SCHEDULED = 1  # an outbox row that waits for its position
EACH_MAKES = 5  # deliveries, about
MOST_OWED = 100  # deliveries: this is a drill of faults, not of throughput


class Command(BaseCommand):
    """Lend and take back."""

    help = "Lend and take back, and note every intent and every answer."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("folder", type=Path)
        parser.add_argument("--seed", required=True)
        parser.add_argument("--desks", type=int, default=4)
        parser.add_argument("--rate", type=float, default=20.0)

    def handle(
        self,
        *args: Any,
        folder: Path,
        seed: str,
        desks: int,
        rate: float,
        **options: Any,
    ) -> None:
        """Work until closing time; what is begun is brought to its answer."""
        stopping, crowded = threading.Event(), threading.Event()
        intents = ledger.read(folder, ledgers.INTENTS)
        answers = ledger.read(folder, ledgers.ANSWERS)
        noted = [
            Ledger(folder, name)
            for name in (ledgers.INTENTS, ledgers.ANSWERS, ledgers.TROUBLE)
        ]
        with ThreadPoolExecutor(desks) as pool:
            at_work = []
            for number in range(desks):
                desk = Desk(number, seed, *noted)
                desk.remember(intents, answers)
                left = desk.unanswered(answers)
                given = (stopping, crowded, desks / rate, left)
                at_work.append(pool.submit(desk.work, *given))
            self.stdout.write("driver: ready")
            while not (folder / "closing").exists():
                _look(crowded)
                time.sleep(LOOK)
            stopping.set()
        for each in at_work:
            each.result()  # raises what has ended a desk


def _look(crowded: threading.Event) -> None:
    """Have the desks wait while more is owed than the relays will soon deliver."""
    try:
        owed = Delivery.objects.filter(status=Status.PENDING).count()
        owed += EACH_MAKES * Published.objects.filter(status=SCHEDULED).count()
    except Error:
        connection.close()
        return
    if owed > MOST_OWED:
        crowded.set()
    else:
        crowded.clear()
