"""Waiting for one another over a value that has no row yet."""

from __future__ import annotations

from django.db import connection


def lock_value(kind: str, value: str) -> None:
    """
    Hold a value (an ISBN, a barcode) until the transaction ends.

    Values that share a hash wait for each other needlessly, no more.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext(%s), hashtext(%s))", [kind, value]
        )
