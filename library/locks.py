"""Waiting for one another over a value that has no row yet."""

from __future__ import annotations

from collections.abc import Collection

from django.db import connection


def lock_value(kind: str, value: str) -> None:
    """
    Hold a value (an ISBN, a barcode) until the transaction ends.

    Values that share a hash wait for each other needlessly, no more.
    """
    lock_values(kind, [value])


def lock_values(kind: str, values: Collection[str]) -> None:
    """Hold several values, in their order: two that want the same meet no deadlock."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [kind, sorted(values)])


_LOCK = """
SELECT pg_advisory_xact_lock(hashtext(%s), hashtext(value))
FROM unnest(%s::text[]) AS value
"""
