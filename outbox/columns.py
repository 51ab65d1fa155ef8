"""What PostgreSQL has and Django has no word for."""

from __future__ import annotations

from typing import Any

from django.db import models


class Now(models.Func):
    """The clock of the database at this very moment, not at the transaction's start."""

    function = "clock_timestamp"
    output_field = models.DateTimeField()


class CurrentTransaction(models.Func):
    """The id of the transaction that is writing."""

    function = "pg_current_xact_id"


class TransactionIdField(models.Field):  # type: ignore[type-arg]
    """PostgreSQL's 64 bit transaction id, which never wraps around."""

    def db_type(self, connection: Any) -> str:
        """Return the column type."""
        return "xid8"
