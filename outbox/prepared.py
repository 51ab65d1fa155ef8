"""
Statements that are said again and again, word for word: planned once, not each time.

Django's own cursors put the values into the text, so that the server has to read and
plan every statement anew; for the short ones of an operation that is most of its work.
"""

from __future__ import annotations

from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.utils import CursorWrapper


def cursor() -> CursorWrapper:
    """
    Return a cursor that sends values beside the text, which stays the same.

    The server keeps the plan once a connection has said the same a few times: as
    often as `prepare_threshold` of the database's OPTIONS says. Without it, as Django
    has it for poolers that share sessions out, nothing is kept, and all else is so.
    """
    database = connections[DEFAULT_DB_ALIAS]
    database.close_if_health_check_failed()
    database.ensure_connection()
    bare: Any = psycopg.Cursor(database.connection)
    if database.queries_logged:
        return database.make_debug_cursor(bare)
    return database.make_cursor(bare)
