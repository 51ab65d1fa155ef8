"""A long log, made up fast: so many loans, each borrowed and brought back."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import md5
from uuid import UUID

import orjson
from django.db import connection

from benchmarks import databases
from library.lending.events import CopyBorrowed, CopyReturned
from outbox import codec

MEMBERS, BOOKS = 10_000, 1_000

_NOBODY = UUID(int=0)
_BORROWED = CopyBorrowed(
    loan_id=_NOBODY,
    copy_id=_NOBODY,
    book_id=_NOBODY,
    member_id=_NOBODY,
    borrowed_at=datetime(2026, 1, 5, 9, tzinfo=UTC),
    due_at=datetime(2026, 2, 2, 18, 59, 59, tzinfo=UTC),
    loan_days=28,
    loan_limit=5,
)
_RETURNED = CopyReturned(
    loan_id=_NOBODY,
    copy_id=_NOBODY,
    book_id=_NOBODY,
    member_id=_NOBODY,
    returned_at=datetime(2026, 1, 20, 9, tzinfo=UTC),
)


def make_up(loans: int) -> int:
    """Fill an empty log with so many loans; return how many events they are."""
    values = {
        "loans": loans,
        "members": MEMBERS,
        "books": BOOKS,
        "away": min(loans, 5_000),
        "borrowed": _as_json(_BORROWED),
        "returned": _as_json(_RETURNED),
    }
    databases.run("DROP INDEX outbox_event_about")  # made at once, it is made faster
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS, values)
    databases.run(_POSITIONS)
    databases.run("CREATE INDEX outbox_event_about ON outbox_event USING gin (about)")
    databases.run("VACUUM (ANALYZE) outbox_event, outbox_position")
    return 2 * loans


def members(count: int) -> list[UUID]:
    """Return so many of the members who borrowed them."""
    return [UUID(md5(f"member{n}".encode()).hexdigest()) for n in range(count)]


def _as_json(event: CopyBorrowed | CopyReturned) -> str:
    return orjson.dumps(codec.encode(event)).decode()


# A copy comes back when so many others have gone out: what is recorded about one loan
# lies far apart, as it does in a real log. Each event in a transaction of its own.
_EVENTS = """
INSERT INTO outbox_event (id, stream, version, type, schema_version, data, about,
    metadata, xact, occurred_at, recorded_at)
SELECT gen_random_uuid(), 'copy:' || copy_id, step,
    CASE step WHEN 1 THEN 'book.borrowed' ELSE 'book.returned' END, 1,
    CASE step WHEN 1 THEN %(borrowed)s ELSE %(returned)s END::jsonb
        || jsonb_build_object('loan_id', loan_id, 'copy_id', copy_id,
            'book_id', book_id, 'member_id', member_id),
    ARRAY[loan_id, copy_id, book_id, member_id],
    '{"actor": "system"}', (2 * n + step)::text::xid8, at, at
FROM (
    SELECT n, gen_random_uuid() AS loan_id, md5('copy' || n)::uuid AS copy_id,
        md5('book' || n %% %(books)s)::uuid AS book_id,
        md5('member' || n %% %(members)s)::uuid AS member_id
    FROM generate_series(1, %(loans)s) AS n
) AS loan, generate_series(1, 2) AS step,
    LATERAL (SELECT n + (step - 1) * %(away)s + 0.5 * step AS turn) AS in_turn,
    LATERAL (
        SELECT '2020-01-01T00:00:00Z'::timestamptz + turn * interval '1 min' AS at
    ) AS timed
ORDER BY turn
"""

_POSITIONS = """
INSERT INTO outbox_position (position, event_id, seq, owed, known_at)
SELECT row_number() OVER (ORDER BY seq), id, seq, 0, recorded_at FROM outbox_event
"""
