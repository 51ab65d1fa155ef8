"""
The lock every operation shares, and a rebuild takes alone.

Without it a rebuild locks the log first and the table second while operations
do the opposite. Shared advisory locks do not wait for one another.
"""

from __future__ import annotations

from django.db import connection

from outbox.errors import OutsideTransaction

GATE = 0x6B757475  # "kutu": one key for the whole database


def enter() -> None:
    """
    Hold the gate, shared, until the transaction ends.

    Raises OutsideTransaction where there is no transaction to hold it for.
    """
    if not connection.in_atomic_block:
        raise OutsideTransaction("gate.enter()")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [GATE])
