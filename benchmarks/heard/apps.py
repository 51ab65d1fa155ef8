"""The app with a receiver to measure, for relays with it in EXTRA_APPS."""

from __future__ import annotations

from django.apps import AppConfig

NAME = "bench.hear"


class HeardConfig(AppConfig):
    name = "benchmarks.heard"
    label = "heard"

    def ready(self) -> None:
        from benchmarks.heard.models import hear  # noqa: PLC0415 - apps first
        from library.signals import book_created  # noqa: PLC0415

        book_created.connect(hear, dispatch_uid=NAME)
