"""Collecting the evidence of a drill, from outside and in plain SQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import psycopg

from config.demo import ledger, looking
from config.demo.owed import Answer
from config.demo.stage import Stage
from tests.chaos import ledgers
from tests.chaos.judge import Evidence, Message


def evidence(stage: Stage, *, audit: list[str], recovery: float | None) -> Evidence:
    """Return all there is."""
    folder = stage.folder
    with stage.connect() as connection:
        names = looking.endpoints(folder)
        return Evidence(
            prepared=[Answer(**e) for e in ledger.read(folder, ledger.ANSWERS)],
            intents=ledger.read(folder, ledgers.INTENTS),
            answers=ledger.read(folder, ledgers.ANSWERS),
            trouble=ledger.read(folder, ledgers.TROUBLE),
            seen=looking.seen(stage, killed=0, seconds=0.0),
            tried_again=tried_again(connection, names),
            statuses=statuses(connection),
            audit=[*audit, *sums(connection)],
            recovery=recovery,
        )


def tried_again(
    connection: psycopg.Connection[Any], endpoints: Mapping[str, str]
) -> frozenset[Message]:
    """Return what had an attempt that was lost, fenced or ambiguous."""
    rows = connection.execute(
        """
        SELECT DISTINCT d.channel, d.event_id, d.destination, u.email
        FROM outbox_attempt a
        JOIN outbox_delivery d ON d.id = a.delivery_id
        LEFT JOIN members_user u ON u.id::text = d.recipient
        WHERE d.channel IN ('signals', 'webhooks', 'emails')
          AND (a.ambiguous OR a.outcome IN ('lost', 'fenced'))
        """
    )
    to = {
        "signals": lambda destination, _: destination.rpartition(".")[2],
        "webhooks": lambda destination, _: endpoints[destination],
        "emails": lambda _, email: email,
    }
    return frozenset(
        Message(channel, event_id.hex, to[channel](destination, email))
        for channel, event_id, destination, email in rows
    )


def statuses(connection: psycopg.Connection[Any]) -> Counter[str]:
    """Return how many deliveries are in each status."""
    rows = connection.execute(
        "SELECT status, count(*) FROM outbox_delivery GROUP BY status"
    )
    return Counter(dict(rows.fetchall()))


def sums(connection: psycopg.Connection[Any]) -> list[str]:
    """Return what does not add up, worked out a second time, without our code."""
    return [
        f"{count} {what}"
        for what, question in QUESTIONS.items()
        for (count,) in connection.execute(question)
        if count
    ]


QUESTIONS = {
    "events have neither a position nor a waiting outbox row": """
        SELECT count(*) FROM outbox_event e
        WHERE NOT EXISTS (SELECT FROM outbox_position p WHERE p.event_id = e.id)
          AND NOT EXISTS (SELECT FROM published p WHERE p.id = e.id AND p.status = 1)
        """,
    "more or fewer deliveries than are owed": """
        SELECT (SELECT coalesce(sum(owed), 0) FROM outbox_position)
            + (SELECT coalesce(sum(children), 0) FROM outbox_delivery)
            - (SELECT count(*) FROM outbox_delivery)
        """,
    "positions stand in another order than their stream": """
        SELECT count(*) FROM (
            SELECT p.position < lag(p.position) OVER (
                PARTITION BY e.stream ORDER BY e.version) AS turned
            FROM outbox_position p JOIN outbox_event e ON e.id = p.event_id
        ) pairs WHERE turned
        """,
    "transactions are split in the order": """
        SELECT count(*) FROM (
            SELECT e.xact FROM outbox_position p
            JOIN outbox_event e ON e.id = p.event_id
            GROUP BY e.xact HAVING max(p.position) - min(p.position) + 1 <> count(*)
        ) split
        """,
}
