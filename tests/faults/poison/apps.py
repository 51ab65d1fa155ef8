"""An app whose receivers are poison, for relays started with it in EXTRA_APPS."""

from __future__ import annotations

import os

from django.apps import AppConfig


class PoisonConfig(AppConfig):
    name = "tests.faults.poison"

    def ready(self):
        from tests.faults.poison import receivers  # noqa: PLC0415 - apps first

        receivers.connect(os.environ["POISON"])
