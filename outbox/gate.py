"""
The lock every operation shares, and a rebuild takes alone.

Without it a rebuild locks the log first and the table second while operations
do the opposite. Shared advisory locks do not wait for one another.
"""

from __future__ import annotations

import random
import time

from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

from outbox import prepared
from outbox.errors import OutsideTransaction

GATE = 0x6B757475  # "kutu": one key for the whole database
PATIENCE = 60.0  # seconds until a rebuild gives up on getting the gate


def enter() -> None:
    """
    Hold the gate, shared, until the transaction ends.

    Raises OutsideTransaction where there is no transaction to hold it for.
    """
    _check_in_transaction("gate.enter()")
    with prepared.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [GATE])


def enter_alone() -> None:
    """
    Hold the gate, with no operation inside, until the transaction ends.

    Operations queue up behind whoever waits here; so it waits for 100 ms at a
    time, and lets them through in between.

    Raises OutsideTransaction, and OperationalError after PATIENCE seconds.
    """
    _check_in_transaction("gate.enter_alone()")
    give_up_at = time.monotonic() + PATIENCE
    while not _entered_alone(give_up_at):
        time.sleep(random.uniform(0.02, 0.1))  # noqa: S311


def _entered_alone(give_up_at: float) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '100ms'")
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [GATE])
            cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
    except OperationalError as error:
        timed_out = isinstance(error.__cause__, LockNotAvailable)
        if not timed_out or time.monotonic() > give_up_at:
            raise
        return False
    return True


def _check_in_transaction(what: str) -> None:
    if not connection.in_atomic_block:
        raise OutsideTransaction(what)
