"""The outbox: remembering facts and passing them on."""

from __future__ import annotations

from django.apps import AppConfig


class OutboxAppConfig(AppConfig):
    """Joins the nudge to the broker once every app is there."""

    name = "outbox"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks, and have commits heard of: here and by the broker."""
        from outbox import checks, nudge, sweep, tasks  # noqa: F401, PLC0415 - apps first

        nudge.listen(nudge.Bell(tasks.sequence.send).ring)
        nudge.listen_to_more(sweep.deliver_here)
