"""An app that breaks its process from within, for processes with it in EXTRA_APPS."""

from __future__ import annotations

import os

from django.apps import AppConfig


class InsideConfig(AppConfig):
    name = "tests.faults.inside"
    label = "faults"

    def ready(self):
        from tests.faults.inside import faults, sabotage  # noqa: PLC0415 - apps first

        faults.arm(os.environ.get("FAULT_AT", ""), os.environ.get("FAULT_ODDS", ""))
        sabotage.remove(os.environ.get("SABOTAGE", ""))
