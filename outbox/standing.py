"""
Where things stand: what is owed, how late it is, and what has failed.

Questions only. All ages are in seconds and by the database's clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection

from outbox.channels.registry import channels
from outbox.models import Replay


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationStanding:
    """
    What one destination is owed.

    `due` can be claimed now; `late` is for how long the first of these could have
    been. `retried` has failed and waits for its next attempt.
    """

    channel: str
    destination: str
    pending: int = 0
    due: int = 0
    retried: int = 0
    oldest: float | None = None
    late: float | None = None
    dead: int = 0
    unknown: int = 0
    error: str = ""

    def is_troubled(self) -> bool:
        """Tell whether a person should look."""
        return bool(self.dead or self.unknown or self.retried)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelStanding:
    """What all destinations of a channel are owed."""

    channel: str
    pending: int
    due: int
    oldest: float | None
    late: float | None
    dead: int
    unknown: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """
    The whole outbox at one look.

    `waiting` events are committed and have no position yet.
    """

    waiting: int
    waiting_for: float | None
    replays: int
    channels: list[ChannelStanding]
    destinations: list[DestinationStanding]

    def latest(self) -> float:
        """Return by how much the most overdue thing is late; 0.0: nothing is."""
        ages = (self.waiting_for, *(each.late for each in self.channels))
        return max(filter(None, ages), default=0.0)


def standing() -> Standing:
    """Return where everything stands, in four queries; `destinations` in trouble."""
    by_destination = _by_destination()
    names = dict.fromkeys([*channels(), *(each.channel for each in by_destination)])
    waiting, waiting_for = _rows(_WAITING)[0]
    return Standing(
        waiting=waiting,
        waiting_for=waiting_for,
        replays=Replay.objects.filter(finished_at=None).count(),
        channels=[
            _sum(name, [each for each in by_destination if each.channel == name])
            for name in names
        ],
        destinations=[each for each in by_destination if each.is_troubled()],
    )


def _by_destination() -> list[DestinationStanding]:
    """Join what is pending with what has failed."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for channel, destination, *rest in _rows(_FAILED):
        values = dict(zip(("dead", "unknown", "error"), rest, strict=True))
        found[channel, destination] = values
    for channel, destination, *rest in _rows(_PENDING):
        values = dict(zip(_OF_PENDING, rest, strict=True))
        both = found.setdefault((channel, destination), {})
        found[channel, destination] = {**values, **both}
    return [
        DestinationStanding(channel=channel, destination=destination, **values)
        for (channel, destination), values in sorted(found.items())
    ]


def _sum(channel: str, parts: list[DestinationStanding]) -> ChannelStanding:
    return ChannelStanding(
        channel=channel,
        pending=sum(each.pending for each in parts),
        due=sum(each.due for each in parts),
        oldest=_greatest(each.oldest for each in parts),
        late=_greatest(each.late for each in parts),
        dead=sum(each.dead for each in parts),
        unknown=sum(each.unknown for each in parts),
    )


def _greatest(ages: Iterable[float | None]) -> float | None:
    return max((age for age in ages if age is not None), default=None)


def _rows(query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


# A delivery that waits in its lane for an earlier one cannot be claimed: it is not
# late, however long the earlier one waits for its next attempt. Nor can one whose
# destination is paused, fails, or has had as much as it takes for now.
_OF_PENDING = ("pending", "due", "retried", "oldest", "late", "error")
CLAIMABLE = """
(d.due_at <= clock_timestamp() AND (d.lane IS NULL OR NOT EXISTS (
    SELECT FROM outbox_delivery earlier
    WHERE earlier.channel = d.channel AND earlier.status = 'pending'
      AND earlier.destination = d.destination
      AND earlier.lane = d.lane AND earlier.position < d.position))
AND NOT EXISTS (
    SELECT FROM outbox_destination h
    WHERE h.channel = d.channel AND h.destination = d.destination
      AND (h.paused OR h.not_before > clock_timestamp())))
"""
_PENDING = f"""
SELECT channel, destination, count(*),
    count(*) FILTER (WHERE claimable),
    count(*) FILTER (WHERE attempts > 0 AND worker = ''),
    extract(epoch FROM clock_timestamp() - min(created_at))::float8,
    extract(epoch FROM
        clock_timestamp() - min(due_at) FILTER (WHERE claimable))::float8,
    max(error)
FROM (
    SELECT d.*, {CLAIMABLE} AS claimable
    FROM outbox_delivery d
    WHERE d.status = 'pending'
) AS pending
GROUP BY channel, destination
"""  # noqa: S608 - both parts stand right here
_FAILED = """
SELECT channel, destination,
    count(*) FILTER (WHERE status = 'dead'),
    count(*) FILTER (WHERE status = 'unknown'),
    max(error)
FROM outbox_delivery
WHERE status IN ('dead', 'unknown')
GROUP BY channel, destination
"""
_WAITING = """
SELECT count(*),
    extract(epoch FROM clock_timestamp() - min(e.recorded_at))::float8
FROM published p
JOIN outbox_event e ON e.id = p.id
WHERE p.status = 1
"""
