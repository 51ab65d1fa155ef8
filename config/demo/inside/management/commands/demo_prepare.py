"""`manage.py demo_prepare`: tables, the first member, and his two endpoints."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import orjson
from django.core.management import call_command
from django.core.management.base import BaseCommand

from config.demo.inside.acting import Player
from config.demo.owed import ENDPOINTS
from config.state import write_private
from library.members.models import User
from outbox import routes
from outbox.channels.webhooks import endpoints


class Command(BaseCommand):
    """Prepare the database of a demo, before any relay runs."""

    help = "Prepare the database of a demo."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("folder", type=Path)
        parser.add_argument("url")

    def handle(self, *args: Any, folder: Path, url: str, **options: Any) -> None:
        """Do all of it; the secrets go into a private file."""
        call_command("migrate", run_syncdb=True, interactive=False, verbosity=0)
        registered, _ = Player(folder).register(1)
        owner = User.objects.get(id=registered.member_id)
        owner.is_staff = True  # nobody else may have endpoints
        owner.save(update_fields=["is_staff"])
        shown = {}
        for name, types in ENDPOINTS.items():
            endpoint, secret = endpoints.create(
                owner=owner, url=f"{url}/{name}", event_types=types
            )
            shown[name] = {"id": str(endpoint.id), "secret": secret}
        write_private(folder / "endpoints.json", orjson.dumps(shown).decode())
        routes.sync()
