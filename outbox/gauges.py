"""
What a scrape shows: the counts of the processes, and the state of the database.

The database is asked once for each scrape, by a few questions of bounded length.
One that is away is a gauge of its own, `outbox_database_up 0`, beside the counts.
"""

from __future__ import annotations

import logging
import struct
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import Error, connection, connections, transaction
from django.utils.module_loading import import_string
from prometheus_client import CollectorRegistry, Metric, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from outbox import metrics
from outbox.channels.registry import channels
from outbox.health import FAILURES
from outbox.standing import CLAIMABLE

logger = logging.getLogger(__name__)

Gauges = Callable[[], Iterable[Metric]]

PATIENCE = "2s"  # for each question; a scrape waits ten seconds at most
MOST_DESTINATIONS = 50  # of a channel in one gauge; what is left is summed
OTHERS = "(others)"


def shown(state: Collector | None = None) -> CollectorRegistry:
    """Return everything there is to see, for one scrape."""
    registry = CollectorRegistry()
    registry.register(Processes() if metrics.FOLDER else metrics.COUNTED)
    registry.register(state or State())
    return registry


def serve(host: str, port: int) -> None:
    """Answer scrapes on a port of this process's own; raise OSError if it is taken."""
    start_http_server(port, host, shown(StateOnce()))


class Processes(Collector):
    """The counts of every process that counts in the folder, added up."""

    def collect(self) -> Iterable[Metric]:
        """Return them; a file that cannot be read hides no other."""
        files = [str(path) for path in Path(metrics.FOLDER).glob("*.db")]
        merged = MultiProcessCollector.merge(filter(_is_readable, files))  # type: ignore[no-untyped-call]
        return list(merged)


class State(Collector):
    """Gauges that are asked from the database at each scrape."""

    def collect(self) -> Iterable[Metric]:
        """Return what the database answers, and whether it did."""
        found: list[Metric] = []
        up = GaugeMetricFamily(
            "outbox_database_up",
            "Whether the database answered all that was asked.",
            value=float(_answers(found)),
        )
        return [up, *found]


class StateOnce(State):
    """The same for a thread that lives for one scrape and leaves no connection."""

    def collect(self) -> Iterable[Metric]:
        """Return the same."""
        try:
            return super().collect()
        finally:
            connections.close_all()


def _more() -> Iterator[Gauges]:
    """Yield the gauges of other rooms: what they owe is not for us to know."""
    return map(import_string, settings.OUTBOX.get("GAUGES", ()))


def _answers(found: list[Metric]) -> bool:
    try:
        connection.ensure_connection()
    except Error:
        return False  # known after one wait, not after one for each question
    answered = [
        _asked(ask, found) for ask in (_deliveries, _waiting, _left_alone, *_more())
    ]
    return all(answered)


def _asked(ask: Gauges, found: list[Metric]) -> bool:
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = '{PATIENCE}'")
            found.extend(ask())
    except Error as error:
        logger.warning("a gauge could not be asked: %s", type(error).__name__)
        return False
    return True


def _deliveries() -> Iterable[Metric]:
    """Return what is owed, what has failed, and how old what is owed is."""
    oldest = GaugeMetricFamily(
        "outbox_oldest_undelivered_seconds",
        "Age of the oldest delivery that is owed; 0 if none is.",
        labels=["channel"],
    )
    late = GaugeMetricFamily(
        "outbox_oldest_due_seconds",
        "By how much the most overdue delivery is late; 0 if none is due.",
        labels=["channel"],
    )
    counts = {status: _count_of(status) for status in ("pending", "dead", "unknown")}
    ages, lates = dict.fromkeys(channels(), 0.0), dict.fromkeys(channels(), 0.0)
    many: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for channel, destination, status, count, age, overdue in _rows(_OWED_AND_FAILED):
        many[status, channel][destination] = count
        ages[channel] = max(ages.get(channel, 0.0), age)
        lates[channel] = max(lates.get(channel, 0.0), overdue)
    for (status, channel), destinations in many.items():
        for destination, count in _capped(destinations):
            counts[status].add_metric([channel, destination], count)
    for channel in ages:
        oldest.add_metric([channel], ages[channel])
        late.add_metric([channel], lates[channel])
    return [oldest, late, *counts.values()]


def _waiting() -> Iterable[Metric]:
    """Return how far the sequencer is behind."""
    ((count, age),) = _rows(_WAITING)
    return [
        GaugeMetricFamily(
            "outbox_waiting_events",
            "Committed events that have no position yet.",
            value=count,
        ),
        GaugeMetricFamily(
            "outbox_oldest_waiting_seconds",
            "Age of the oldest event without a position; 0 if there is none.",
            value=age,
        ),
    ]


def _left_alone() -> Iterable[Metric]:
    """Return how many destinations get nothing now, and why."""
    gauge = GaugeMetricFamily(
        "outbox_destinations_left_alone",
        "Destinations to which nothing goes: failing, paused, or switched off.",
        labels=["channel", "why"],
    )
    for channel, why, count in _rows(_LEFT_ALONE):
        gauge.add_metric([channel, why], count)
    return [gauge]


def _count_of(status: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(
        f"outbox_{status}_deliveries",
        f"Deliveries that are {status}, where there are any.",
        labels=["channel", "destination"],
    )


def _capped(destinations: dict[str, int]) -> Iterator[tuple[str, int]]:
    """Yield the destinations with the most, and all others as one."""
    ranked = sorted(destinations.items(), key=lambda item: (-item[1], item[0]))
    yield from ranked[:MOST_DESTINATIONS]
    if rest := ranked[MOST_DESTINATIONS:]:
        yield OTHERS, sum(count for _, count in rest)


def _rows(query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def _is_readable(path: str) -> bool:
    """Tell whether a process has begun its file, and ended it whole."""
    try:
        list(MmapedDict.read_all_values_from_file(path))  # type: ignore[no-untyped-call]
    except (OSError, RuntimeError, ValueError, struct.error):
        return False
    return True


# Both parts read their partial index and nothing that was delivered.
_OWED_AND_FAILED = f"""
SELECT channel, destination, status, count(*),
    greatest(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8,
    coalesce(extract(epoch FROM
        clock_timestamp() - min(due_at) FILTER (WHERE {CLAIMABLE})), 0)::float8
FROM outbox_delivery d
WHERE status = 'pending'
GROUP BY channel, destination, status
UNION ALL
SELECT channel, destination, status, count(*), 0, 0
FROM outbox_delivery
WHERE status IN ('dead', 'unknown')
GROUP BY channel, destination, status
"""  # noqa: S608 - both parts are ours

_LEFT_ALONE = f"""
SELECT channel, 'failing', count(*) FILTER (WHERE failures >= {FAILURES})
FROM outbox_destination GROUP BY channel
UNION ALL
SELECT channel, 'paused', count(*) FILTER (WHERE paused)
FROM outbox_destination GROUP BY channel
UNION ALL
SELECT 'webhooks', 'switched_off', count(*) FROM outbox_webhookendpoint WHERE NOT active
"""  # noqa: S608 - a number of ours

_WAITING = """
SELECT count(*),
    coalesce(extract(epoch FROM clock_timestamp() - min(e.recorded_at)), 0)::float8
FROM published p
JOIN outbox_event e ON e.id = p.id
WHERE p.status = 1
"""
