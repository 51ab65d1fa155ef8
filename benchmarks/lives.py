"""
A library with a past: one life of a book and a reader, and so many more like it.

A book gets a copy, somebody registers, borrows it and brings it back: by the real
operations, so that every table has what it would have. Then each row is copied in the
server with other ids, for each life anew. What is counted over all of them stays as it
was for one.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction

from benchmarks import databases, owing
from library.catalog.books import add_book
from library.catalog.copies import add_copy
from library.lending import loans
from library.members.models import User
from outbox import sequencer
from outbox.context import acting
from outbox.models import Event
from projections.feed import catch_up_all

CHANNEL, DESTINATION = "bench", "past"
LIFE = "700700700"  # in every name that has to be its own, in whatever letters
BEGAN = datetime(2026, 1, 5, 9, tzinfo=UTC)
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PLACED = {"outbox_position", "outbox_delivery", "outbox_route"}


def live(count: int) -> int:
    """Give an empty library a past of so many lives; return how many events."""
    _one()
    with transaction.atomic():  # foreign keys are looked at in the end
        rows = _rows()
        known = sorted(set(UUID.findall("".join(text for _, text in rows))))
        databases.run(_LIVES, [len(known), count])
        for table, text in rows:
            _repeat(table, text, known)
        databases.run(_POSITIONS)
        databases.run(_DELIVERIES, [CHANNEL, DESTINATION])
        databases.run("DROP TABLE lives")
    settle()
    databases.run("VACUUM (ANALYZE)")
    return events()


def events() -> int:
    """Return how many events there are."""
    return Event.objects.count()


def settle() -> None:
    """Let nothing wait: all that happened has its place, and counts as read."""
    sequencer.sequence_all()
    databases.run(_READ)


def _one() -> None:
    """Live the first, and have it read and delivered."""
    with acting(actor="system"):
        book = add_book(title=f"{owing.TITLE} {LIFE}", authors=owing.AUTHORS, now=BEGAN)
        copy = add_copy(book_id=book.book_id, barcode=LIFE, now=BEGAN)
        reader = User.objects.create_user(LIFE, f"{LIFE}@example.org")
        at = {"copy_id": copy.copy_id}
        loans.borrow_copy(**at, member_id=reader.id, now=BEGAN)
        loans.return_copy(**at, now=BEGAN + timedelta(days=7))
    sequencer.sequence_all()
    catch_up_all()


def _rows() -> list[tuple[str, str]]:
    """Return each row that the life has left, as JSON, with its table, in order."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            if table not in PLACED:
                cursor.execute(f'SELECT to_jsonb(t)::text FROM "{table}" t ORDER BY t')
                found += [(table, text) for (text,) in cursor.fetchall()]
    return [(table, text) for table, text in found if LIFE in text or UUID.search(text)]


def _repeat(table: str, text: str, known: list[str]) -> None:
    """Write a row down once more for each life."""
    for number, name in enumerate([*known, LIFE], start=1):
        text = text.replace("%", "%%") if number == 1 else text
        text = text.replace(name, f"%{number}$s")
    columns = ", ".join(f'"{name}"' for name in _columns(table))
    made = ", ".join(f"(made).{name}" for name in columns.split(", "))
    databases.run(
        f"""
        INSERT INTO "{table}" ({columns})
        SELECT {made} FROM (
            SELECT jsonb_populate_record(
                NULL::"{table}", format(%s, VARIADIC names)::jsonb) AS made
            FROM lives ORDER BY n OFFSET 0
        ) AS each_once
        """,
        [text],
    )


def _columns(table: str) -> list[str]:
    """Return the columns whose values are not the server's to give."""
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS, [table])
        return [name for (name,) in cursor.fetchall()]


_COLUMNS = """
SELECT column_name FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = %s
    AND is_generated = 'NEVER' AND is_identity = 'NO'
"""

_LIVES = """
CREATE TEMPORARY TABLE lives AS
SELECT n, array_agg(md5(i || ':' || n)::uuid::text ORDER BY i)
    || (700000000 + n)::text AS names
FROM generate_series(1, %s) AS i, generate_series(1, %s) AS n
GROUP BY n
"""

_POSITIONS = """
INSERT INTO outbox_position (position, event_id, seq, owed, known_at)
SELECT (SELECT max(position) FROM outbox_position) + row_number() OVER (ORDER BY seq),
    id, seq, 1, recorded_at
FROM outbox_event WHERE seq > (SELECT max(seq) FROM outbox_position)
"""

_DELIVERIES = """
INSERT INTO outbox_delivery (event_id, position, channel, destination,
    recipient, lane, status, claim, attempts, finished_at)
SELECT event_id, position, %s, %s, '', NULL, 'delivered', 1, 1, known_at
FROM outbox_position WHERE owed = 1
"""

_READ = """
UPDATE projections_checkpoint SET position = (SELECT max(position) FROM outbox_position)
"""
