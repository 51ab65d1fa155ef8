"""
Positions and fan-out: the relay's first step.

Appends take no common lock, so identity values become visible out of order: a
reader that remembers "I have seen 8" loses 7 when 7 commits late. A position
is given *after* commit instead, by whoever holds one lock, to whole
transactions in order; what a reader has passed can never change.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from outbox import metrics
from outbox.points import point

SEQUENCER = 0x73657131  # "seq1": one holder per database
SMALLEST_BATCH = 1_000
LARGEST_BATCH = 20_000  # placed well within a relay session's statement_timeout
TRIES, BETWEEN_TRIES = 20, 0.005  # seconds

Wake = Callable[[Collection[str], int], object]
"""Is told the channels on which more is owed now, and how many events it was."""


def _nobody(owed_on: Collection[str], events: int) -> None:
    pass


def sequence(*, at_least: int = SMALLEST_BATCH, wake: Wake = _nobody) -> int:
    """
    Give positions to a batch of committed events; return how many.

    `wake` is called after the commit.

    Answers 0 where nothing waits, or where another relay is at it. A batch
    never splits a transaction. It grows with what waits, so that a backlog costs a
    few scans and not one for each batch; but not so far that it could take longer
    than a session may, for then none of it would ever be placed.
    """
    inside_another = connection.in_atomic_block  # whose patience is its own affair
    with transaction.atomic(), connection.cursor() as cursor:
        # In a statement of its own: the next one then sees all that the last
        # holder committed. With one statement for both, its snapshot would be
        # older than the lock, and it would take the same rows again.
        if not _locked(cursor, _LOCK if inside_another else _LOCK_AND_MANNERS):
            return 0
        point("before_positions")
        cursor.execute(_SEQUENCE, {"size": at_least, "most": LARGEST_BATCH})
        given, owed_on = cursor.fetchone()
        point("after_positions_before_commit")
    metrics.SEQUENCED.inc(given)
    point("after_positions")
    if given:
        wake(owed_on, given)
    return int(given)


def sequence_all(wake: Wake = _nobody) -> int:
    """
    Give positions until nothing waits; return how many.

    What was committed before the call has its position at the end of it, unless
    another relay stays at it for long. `wake` is told batch by batch.
    """
    total = 0
    while True:
        given = sequence(wake=wake)
        total += given
        if given < SMALLEST_BATCH:
            return total


def _locked(cursor: CursorWrapper, statement: str) -> bool:
    """
    Take the lock; tell whether it was free within a moment.

    Who holds it may have begun before the commit that we were called for, so that
    it is worth waiting for him; but not for one that is frozen.
    """
    for _ in range(TRIES):
        cursor.execute(statement, [SEQUENCER])
        if cursor.fetchone()[0]:
            return True
        time.sleep(BETWEEN_TRIES)
    return False


MEMORY = "64MB"
_LOCK = "SELECT pg_try_advisory_xact_lock(%s)"

# A frozen holder is thrown out, and another relay takes over. And the commit need not
# be waited for: whatever tells anybody of a position is a later commit, a claim or a
# checkpoint, that is waited for, and stands behind this one in the server's log. One
# at a time is at it, so that it may sort a backlog in memory, and not on disk.
_LOCK_AND_MANNERS = f"""
{_LOCK},
    set_config('idle_in_transaction_session_timeout', '2s', true),
    set_config('synchronous_commit', 'off', true),
    set_config('work_mem', '{MEMORY}', true)
"""

# Chosen in the order they are placed in: by the last event of the transaction. Of
# two transactions on one stream, the one that had it first committed first, and its
# last number is the smaller; its first number need not be.
#
# One event type may set off receivers that record events of their own; those
# named in `caused_by` are skipped, so that no receiver can set itself off.
#
# No two of these are joined: nothing is known of their size, and where nothing waited
# when the server last looked, it takes each for one row and compares all with all.
_SEQUENCE = """
WITH waiting AS MATERIALIZED (
    SELECT e.seq, e.id, e.xact, e.type, e.stream, e.metadata, e.recorded_at,
        max(e.seq) OVER (PARTITION BY e.xact) AS last_seq
    FROM published p
    JOIN outbox_event e ON e.id = p.id
    WHERE p.status = 1
), batch AS (
    SELECT w.*, max(w.recorded_at) OVER (PARTITION BY w.xact) AS known_at
    FROM waiting w
    WHERE w.last_seq <= (
        SELECT max(last_seq) FROM (
            SELECT last_seq FROM waiting ORDER BY last_seq LIMIT
                greatest(%(size)s, least(%(most)s, (SELECT count(*) / 2 FROM waiting)))
        ) AS oldest
    )
), ended AS MATERIALIZED (
    SELECT coalesce(max(position), 0) AS position, max(known_at) AS known_at
    FROM outbox_position
    WHERE position = (SELECT max(position) FROM outbox_position)
), numbered AS (
    SELECT b.id, b.seq, b.type, b.stream, b.metadata,
        ended.position + row_number() OVER in_order AS position,
        greatest(ended.known_at, max(b.known_at) OVER in_order) AS known_at
    FROM batch b, ended
    WINDOW in_order AS (ORDER BY b.last_seq, b.seq)
), told AS (
    SELECT n.id, n.seq, n.position, n.known_at, r.channel, r.destination,
        CASE WHEN r.ordered THEN n.stream END AS lane
    FROM numbered n
    LEFT JOIN outbox_route r ON r.event_type = n.type AND r.active
        AND NOT coalesce(n.metadata -> 'caused_by' ? r.destination, false)
), fanned_out AS (
    INSERT INTO outbox_delivery
        (event_id, position, channel, destination, recipient, lane)
    SELECT id, position, channel, destination, '', lane FROM told
    WHERE channel IS NOT NULL
    ORDER BY position
), placed AS (
    INSERT INTO outbox_position (position, event_id, seq, owed, known_at)
    SELECT position, id, seq, count(channel), known_at FROM told
    GROUP BY position, id, seq, known_at
), marked AS (
    UPDATE published SET status = 2 FROM numbered n WHERE published.id = n.id
)
SELECT count(*), (
    SELECT coalesce(array_agg(DISTINCT channel), '{}') FROM told
    WHERE channel IS NOT NULL
)
FROM numbered
"""
