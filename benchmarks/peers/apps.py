"""The app with the events and receivers of the peers."""

from __future__ import annotations

from django.apps import AppConfig


class PeersConfig(AppConfig):
    name = "benchmarks.peers"
    label = "peers"

    def ready(self) -> None:
        from benchmarks.peers import receivers  # noqa: F401, PLC0415 - apps first
