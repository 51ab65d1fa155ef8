"""The app with the driver, for processes with it in EXTRA_APPS."""

from __future__ import annotations

from django.apps import AppConfig


class InsideConfig(AppConfig):
    name = "tests.chaos.inside"
    label = "chaos"
