"""The app that makes of a library one that tells nobody, for a web server with it."""

from __future__ import annotations

from django.apps import AppConfig


class PlainConfig(AppConfig):
    name = "benchmarks.plain"
    label = "plain"

    def ready(self) -> None:
        from benchmarks.plain import writing  # noqa: PLC0415 - apps first

        writing.begin()
