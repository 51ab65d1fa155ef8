"""The secrets of those who send us messages. Django finds it through `models.py`."""

from __future__ import annotations

from django.db import models

from outbox.columns import Now
from outbox.sealing import Sealed


class InboundSecret(Sealed):
    """What a source signs with. It may have several, while one replaces another."""

    source = models.CharField(max_length=30, db_index=True)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"a secret of {self.source}"

    def about(self) -> str:
        """Return the source: for another one, this secret does not open."""
        return f"inbound:{self.source}"
